package logs

import (
	_ "embed"

	"smtptap/decode/lang"
)

//go:embed words.toml
var document []byte

var words = lang.NewTexts(document)
