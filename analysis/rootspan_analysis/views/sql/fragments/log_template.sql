substring(replaceRegexpAll(
            substring(Body, 1, 400),
            '[0-9a-fA-F]{8,}(-[0-9a-fA-F]{4,})*|[+-]?[0-9]+([.,:][0-9]+)*|"[^"]*"|''[^'']*''', '#'), 1, 160)
