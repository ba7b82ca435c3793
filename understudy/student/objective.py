"""What a fine-tuned student minimises, and how its scores become probabilities; knows no network and no loop."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Objective:
    """Cross-entropy against soft targets over the labels that have examples.

    Attributes
    ----------
    columns : those labels' columns.
    is_exclusive : softmax over them; else a sigmoid each.
    """

    columns: torch.Tensor
    is_exclusive: bool

    def losses(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Shape (n,); independent labels are averaged."""
        columns = self.columns.to(scores.device)
        scores, targets = scores[:, columns], targets.to(scores.device)[:, columns]
        if self.is_exclusive:
            return -(targets * torch.log_softmax(scores, dim=1)).sum(dim=1)
        return torch.nn.functional.binary_cross_entropy_with_logits(scores, targets, reduction="none").mean(dim=1)

    def sizes(self, targets: torch.Tensor) -> torch.Tensor:
        """How much each example's loss adds up, shape (n,): what it is divided by where examples are compared."""
        return torch.ones(len(targets))

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        """Shape (n, K), float64; 0 for labels without an example."""
        own = scores[:, self.columns].double()
        result = torch.zeros(scores.shape, dtype=torch.float64)
        result[:, self.columns] = torch.softmax(own, dim=1) if self.is_exclusive else torch.sigmoid(own)
        return result
