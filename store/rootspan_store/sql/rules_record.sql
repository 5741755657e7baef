INSERT INTO rootspan_rules (View, Digest, Rules, AppliedAt)
SELECT {view:String}, {digest:String}, {rules:Array(String)}, now64(3)
