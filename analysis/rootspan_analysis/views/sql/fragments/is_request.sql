if(
    empty({entry_services:Array(String)}),
    ${serving},
    has(arrayZip({entry_services:Array(String)}, {entry_operations:Array(String)}),
        (toString(ServiceName), toString(SpanName))))
