"""A file's bytes as text: UTF-8, UTF-16 with or without a mark, else what charset-normalizer takes for the likeliest.

Chinese, Japanese and Korean are believed where nearly all letters are such, and common ones.
"""

from __future__ import annotations

import codecs
import re

TELLING_BYTES = 64 * 1024  # bytes that tell an encoding
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
WESTERN = "cp1252"  # taken where it fits as well as any other
SINGLE_BYTE = (WESTERN, "latin_1", "cp1250", "cp1251", "cp1253", "cp1254", "mac_roman")
EASTERN = {  # encodings of two bytes a sign -> the first bytes of their common signs, sorted in them by use
    "gb18030": (0xB0, 0xD7),
    "big5": (0xA4, 0xC6),
    "cp932": (0x82, 0x97),
    "euc_jp": (0xA4, 0xCF),
    "cp949": (0xB0, 0xC8),
}
EASTERN_SIGN = re.compile("[\u3041-\u30ff\u4e00-\u9fff\uac00-\ud7a3]")
EASTERN_SHARE = 0.8  # of the signs beyond ASCII's
EXTENDED = ("gb18030", "euc_jp", "cp949")  # their common signs' second bytes are above ASCII's too
EASTERN_WORDS = 0.3  # share of the words from which they are of several signs
LETTERS_FROM = 0xC0  # bytes of Cyrillic and Greek letters
EASTERN_CHAOS = 0.1  # of charset-normalizer's, up to which it is confident
FEW = 20  # different words with letters beyond ASCII's, below which they tell little
LETTER = "[A-Za-zÀ-ÖØ-öø-ÿŠšŽžŒœŸƒ]"
WORD = re.compile(f"(?:{LETTER}|[¹³£¥¿¯¾¼¢])+")
STRANGE = {  # what no western language's words hold -> the encodings that may make words of it, the likeliest first
    f"{LETTER}[¹³£¥¿¯¾¼¢]{LETTER}|{LETTER}{{4}}[¹³¿]$|^[£¥¯¹³]{LETTER}": ("cp1250",),
    "[a-z][ŽŠ]": ("mac_roman", "cp1250"),
    "[À-ÿ]{3}|^[À-ÿ]{2,}$": ("cp1251", "cp1253"),
}
HALF = 0.4  # share of zeros in every second byte from which text is in UTF-16
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # what no text holds


def decoded(path: str, content: bytes) -> tuple[str, str]:
    """The encoding, as Python calls it, and the text; ValueError where ``content`` is no text."""
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError(f"csv: {path} is no text in UTF-8 or UTF-16; save it as CSV in UTF-8") from None
    if CONTROL.search(text):
        raise ValueError(f"csv: {path} is no text file: it holds binary data; save the table as CSV in UTF-8")
    return encoding, text


def _encoding(content: bytes) -> str:
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return name
    start = content[:TELLING_BYTES]
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        every_second = start[offset::2]
        if every_second and every_second.count(0) > HALF * len(every_second) and not start[1 - offset :: 2].count(0):
            return name
    try:
        content.decode("utf-8-sig")
        return "utf-8-sig"
    except UnicodeDecodeError:
        return _single_byte(content)


def _single_byte(content: bytes) -> str:
    """The likeliest encoding of bytes that are no Unicode.

    Western where they have no letters beyond ASCII's to tell by, where the likeliest reads them as western does, and where
    they are few and western reads them as words.
    """
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())[:TELLING_BYTES]
    if eastern := _eastern(content, telling):
        return eastern
    is_western = _decodes(content, WESTERN)
    western = telling.decode(WESTERN, "replace")
    words = set(WORD.findall(western))
    few = sum(not word.isascii() for word in words) < FEW
    no_letters = not any(sign.isalpha() and not sign.isascii() for sign in western)
    clearly = next((names for shape, names in STRANGE.items() if any(map(re.compile(shape).search, words))), ())
    if is_western and not clearly and (no_letters or few):
        return WESTERN
    matches = from_bytes(telling, cp_isolation=list(clearly or SINGLE_BYTE))
    best = matches.best()
    if best is None:
        likeliest = clearly[0] if clearly else WESTERN
        return likeliest if _decodes(content, likeliest) else "latin_1"
    match = next((match for match in matches if match.encoding == WESTERN), None)
    alike = telling.decode(best.encoding, "replace") == western
    if is_western and (alike or (match is not None and match.chaos <= best.chaos)):
        return WESTERN
    return best.encoding if _decodes(content, best.encoding) else "latin_1"


def _eastern(content: bytes, telling: bytes) -> str:
    """The Chinese, Japanese or Korean encoding of bytes whose likeliest reading is common signs of it; empty elsewhere."""
    from charset_normalizer import from_bytes

    candidates = [encoding for encoding in EASTERN if _decodes(content, encoding)]
    whole = telling.rpartition(b"\n")[0] if len(telling) == TELLING_BYTES else telling
    best = from_bytes(whole, cp_isolation=candidates).best() if candidates else None
    if best is None or best.encoding not in candidates or best.chaos > EASTERN_CHAOS:
        return ""
    return best.encoding if _is_eastern(whole.decode(best.encoding, "replace"), best.encoding) else ""


def _is_eastern(text: str, encoding: str) -> bool:
    """Whether nearly all signs beyond ASCII's are common ones of two bytes, and form words, as western bytes do not.

    In pairs of Cyrillic or Greek letters both bytes are high ones; a western capital or ° before a letter stands alone.
    """
    beyond = [sign for sign in text if not sign.isascii()]
    first, last = EASTERN[encoding]
    signs = {sign: sign.encode(encoding, "replace") for sign in set(beyond) if EASTERN_SIGN.match(sign)}
    least = 0xA1 if encoding in EXTENDED else 0
    common = {sign for sign, pair in signs.items() if len(pair) == 2 and first <= pair[0] <= last and pair[1] >= least}
    if not common or sum(sign in common for sign in beyond) < EASTERN_SHARE * len(beyond):
        return False
    words = set(re.findall(f"{EASTERN_SIGN.pattern}+", text))
    longer = sum(len(word) > 1 for word in words) >= EASTERN_WORDS * len(words)
    letters = sum(min(signs[sign]) >= LETTERS_FROM for sign in common) > EASTERN_SHARE * len(common)
    return longer and not letters


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
