"""How far a corrected text is from the proposed one."""


def levenshtein(first: str, second: str) -> int:
    """Return the least number of inserted, deleted and replaced characters that turn one text into the other.

    Bit-parallel dynamic programming: Myers, J. ACM 46 (1999) 395, in the form of Hyyrö (2001); a column of
    the table is two integers of len(first) bits, so long answers take milliseconds.
    """
    if not first or not second:
        return len(first) + len(second)
    positions: dict[str, int] = {}
    for index, character in enumerate(first):
        positions[character] = positions.get(character, 0) | (1 << index)
    mask = (1 << len(first)) - 1
    last = 1 << (len(first) - 1)
    plus, minus, distance = mask, 0, len(first)
    for character in second:
        match = positions.get(character, 0)
        diagonal = ((((match & plus) + plus) ^ plus) | match | minus) & mask
        right_plus = (minus | ~(diagonal | plus)) & mask
        right_minus = plus & diagonal
        if right_plus & last:
            distance += 1
        elif right_minus & last:
            distance -= 1
        shifted = ((right_plus << 1) | 1) & mask
        plus = (((right_minus << 1) & mask) | ~(diagonal | shifted)) & mask
        minus = shifted & diagonal
    return distance
