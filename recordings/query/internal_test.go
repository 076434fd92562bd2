package query

// Words and Fields are for tests of the texts.
var (
	Words  = words
	Fields = fieldNames
)
