"""x"""


def rendered(d):
    return ""
