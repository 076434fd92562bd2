package export

import (
	"testing"

	"smtptap/decode/lang/langtest"
)

func TestWords(t *testing.T) { langtest.Texts(t, words) }
