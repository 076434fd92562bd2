package tui

import (
	"regexp"
	"strings"
	"testing"

	"smtptap/decode/lang"
	"smtptap/decode/visible"
)

// The rows of the list stand under their headings, at the columns that the
// terminal gives Chinese letters.
func checkColumns(t *testing.T, lines []string) {
	t.Helper()
	clock := regexp.MustCompile(`([0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}`)
	column, rows := -1, 0
	for _, line := range lines {
		if at := strings.Index(line, "时间"); at >= 0 && column < 0 {
			column = visible.Width(line[:at])
			continue
		}
		for _, state := range []string{"✓ 已发送", "✗ 被拒绝", "◐ 部分发送"} {
			if !strings.Contains(line, state) || !clock.MatchString(line) {
				continue
			}
			rows++
			if got := visible.Width(line[:clock.FindStringIndex(line)[0]]); got != column {
				t.Errorf("the time stands at column %d, its heading at %d: %q", got, column, line)
			}
		}
	}
	if rows < 3 {
		t.Errorf("%d rows of sessions in %q", rows, lines)
	}
}

func TestChineseColumns(t *testing.T) {
	for _, size := range sizes[1:] {
		s := newScreen(t, played(t), size[0], size[1], func(o *Options) { o.Lang = lang.Chinese })
		checkColumns(t, strings.Split(stripped(s.view()), "\n"))
	}
}

// In a Chinese locale the program speaks Chinese, and what the terminal shows is
// what was drawn.
func TestChineseTerminal(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		m := run(t, size[0], size[1], []string{"LC_ALL=zh_CN.UTF-8"}, needTmux(t)+" view -w "+recorded(t))
		checkColumns(t, strings.Split(m.until("5 个会话", "q 退出"), "\n"))
		m.keys("Enter")
		m.until("[1 对话]", "q 返回")
		m.keys("?")
		m.until("── 移动", "Esc 关闭帮助")
		m.keys("q")
		m.until("[1 对话]")
		m.keys("q")
		m.until("q 退出")
		m.keys("q")
		m.givenBack()
	}
}
