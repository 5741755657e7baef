toInt32OrDefault(multiIf(
    ResourceAttributes['training.rank'] != '', ResourceAttributes['training.rank'],
    LogAttributes['training.rank'] != '', LogAttributes['training.rank'],
    ResourceAttributes['dl.rank'] != '', ResourceAttributes['dl.rank'],
    ResourceAttributes['nv.dl.rank'] != '', ResourceAttributes['nv.dl.rank'],
    ResourceAttributes['pytorch.rank']), toInt32(-1))
