multiIf(
            {dimension:String} = 'service', toString(ServiceName),
            {dimension:String} = 'host', toString(HostName),
            {dimension:String} = 'region', toString(Region),
            {dimension:String} = '', '',
            mapContains(Attributes, {dimension:String}), Attributes[{dimension:String}],
            ResourceAttributes[{dimension:String}])
