match(lower(SpanName), '^(train(ing)?[._ -]?(step|iteration|iter)|train|profilerstep#[0-9]+|(dl|nv[.]dl)[._](step|iteration)|step|iteration)$$')
