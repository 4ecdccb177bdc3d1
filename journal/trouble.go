package journal

import (
	"context"
	"regexp"
	"time"

	"radagora/fault"
)

// maxPause is the longest pause between two attempts.
const maxPause = 30 * time.Second

// trouble logs an error once for as long as it stays the same, and spaces attempts.
type trouble struct {
	j     *Journal
	about string        // what is in trouble
	pause time.Duration // the first
	count int
	last  string
}

// met notes how an attempt ended and waits before the next if it failed.
func (t *trouble) met(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // whatever failed, it was asked to stop
	}
	if err == nil {
		if t.count > 0 {
			t.j.o.Log.InfoContext(ctx, "journal goes on", "task", t.about, "failures", t.count)
		}
		t.count, t.last = 0, ""
		return
	}
	t.count++
	if text := quiet(err); text != t.last {
		t.last = text
		t.j.o.Log.WarnContext(ctx, "journal is held up", "task", t.about, "kind", fault.Of(err).String(), "reason", text)
	}
	sleep(ctx, t.wait())
}

// wait returns how long to wait after this many failures.
func (t *trouble) wait() time.Duration {
	return min(maxPause, t.pause<<min(t.count-1, 16))
}

// quoted finds what the texts of errors put between double quotes: mostly a value
// that could not be read, and so perhaps a name.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// quiet returns the text of err without the values it quotes, at most 500 bytes.
func quiet(err error) string {
	text := quoted.ReplaceAllString(err.Error(), `"…"`)
	for i := range text {
		if i > 490 {
			return text[:i] + "…"
		}
	}
	return text
}
