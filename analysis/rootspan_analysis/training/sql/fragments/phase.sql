multiIf(
    SpanAttributes['training.phase'] != '', SpanAttributes['training.phase'],
    match(lower(op), 'dataload|data[._ -]?(load|iter|fetch|wait)|(next|get|fetch|load)[._ -]?batch'), 'data',
    match(lower(op), 'checkpoint|ckpt|save[._ -]?(model|state)'), 'checkpoint',
    match(lower(op), 'send|recv|all[._ -]?reduce|all[._ -]?gather|reduce[._ -]?scatter|all[._ -]?to[._ -]?all|broadcast|barrier|^nccl|collective|param.*sync|grad.*sync'), 'collective',
    match(lower(op), '(^|[._ -])(forward|fwd)([._ -]|\\z)'), 'forward',
    match(lower(op), '(^|[._ -])(backward|bwd)([._ -]|\\z)'), 'backward',
    match(lower(op), 'optim'), 'optimizer',
    match(lower(op), '(^|[._ -])eval'), 'eval',
    match(lower(op), 'htod|host[._ -]?to[._ -]?device|(^|[._ -])h2d'), 'h2d',
    '')
