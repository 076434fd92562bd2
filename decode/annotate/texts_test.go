package annotate

import (
	"testing"

	"smtptap/decode/lang/langtest"
)

func TestTexts(t *testing.T) {
	langtest.Texts(t, texts)
	langtest.Texts(t, noteTexts)
}
