-- Rootspan's names, or those of PyTorch's flight recorder, of a map called `told`.
        multiIf(told['training.collective.group'] != '', told['training.collective.group'],
            told['pytorch.fr.process_group'] != '', told['pytorch.fr.process_group'], told['process_group']) AS group,
        if(told['pytorch.fr.process_group_desc'] != '', told['pytorch.fr.process_group_desc'],
            told['process_group_desc']) AS description,
        told['pytorch.fr.is_p2p'] = 'true' OR told['is_p2p'] = 'true' OR told['training.collective.peer'] != '' AS p2p,
        toInt64OrDefault(multiIf(told['training.collective.seq'] != '', told['training.collective.seq'],
            p2p AND told['pytorch.fr.p2p_seq_id'] != '', told['pytorch.fr.p2p_seq_id'],
            p2p AND told['p2p_seq_id'] != '', told['p2p_seq_id'],
            told['pytorch.fr.collective_seq_id'] != '', told['pytorch.fr.collective_seq_id'],
            told['collective_seq_id']), toInt64(-1)) AS seq,
        toUInt32OrZero(if(told['pytorch.fr.timeout_ms'] != '', told['pytorch.fr.timeout_ms'], told['timeout_ms'])) AS timeout_ms,
        toUInt64OrZero(told['training.collective.bytes']) AS bytes,
        toInt32OrDefault(told['training.collective.peer'], toInt32(-1)) AS peer
