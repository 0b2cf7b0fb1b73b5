FIND_ONE = None
