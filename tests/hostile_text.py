"""Pieces of text that shift the offsets of careless readers: marks, joiners, line ends, right-to-left, no spaces."""

HOSTILE = [
    *"aB.,-#\"'\\/<>|{}[]\t \n",
    *("\r\n", "\r", "\u2028", "\u0085", "\x1c", "\u00a0", "\u3000", "\ufeff"),
    *("👩‍👩‍👧", "😀", "🏳️‍🌈", "𝔸", "é", "e\u0301", "ä\u0308\u0323", "ﬁ", "ß", "İ"),
    *(
        "فاطمة",
        "שלום",
        "\u200f",
        "\u202e",
        "\u200b",
        "\u200d",
        "\u00ad",
        "北京",
        "カ゛",
        "한국",
        "ไทย",
        "-DOCSTART-",
        "# id = 1",
    ),
]
