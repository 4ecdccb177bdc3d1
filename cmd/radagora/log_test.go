package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
)

// canary is the name of the one patient in the test data who must never be seen
// in a log or an error. The check that runs all tests looks for it in whatever
// they print.
const canary = "LEAK^CANARY"

// noCanary fails the test if the patient's name is in what was logged.
func noCanary(t *testing.T, logged string) {
	t.Helper()
	for _, name := range []string{canary, "CANARY"} {
		if i := strings.Index(strings.ToUpper(logged), name); i >= 0 {
			t.Errorf("the patient's name was logged %d bytes into %d; what stands before it: %q", i, len(logged), logged[max(0, i-60):i])
			return
		}
	}
}

func TestPlain(t *testing.T) {
	type patient struct{ Name string }
	who := patient{canary}
	tests := []struct {
		name  string
		value any
		want  string // in the log; "" where the value must be refused
	}{
		{name: "a struct", value: who},
		{name: "a pointer to one", value: &who},
		{name: "a slice of them", value: []patient{who}},
		{name: "texts in a slice", value: []string{canary}},
		{name: "a map", value: map[string]string{"name": canary}},
		{name: "bytes", value: []byte(canary)},
		{name: "a group with a struct in it", value: slog.GroupValue(slog.Any("who", who))},
		{name: "text is what the caller says it is", value: "1.2.840", want: "1.2.840"},
		{name: "a number", value: 512, want: "512"},
		{name: "an error", value: errors.New("no room"), want: "no room"},
		{name: "a level", value: slog.LevelWarn, want: "WARN"},
	}
	for _, format := range []string{"text", "json"} {
		for _, test := range tests {
			t.Run(format+"/"+test.name, func(t *testing.T) {
				var out bytes.Buffer
				log := logging{Format: format}.logger(&out)
				log.InfoContext(t.Context(), "stored", slog.Any("value", test.value))
				noCanary(t, out.String())
				if want := test.want; want == "" && !strings.Contains(out.String(), "[refused]") || !strings.Contains(out.String(), want) {
					t.Errorf("log = %s; want %q in it", out.String(), want)
				}
			})
		}
	}
}

func TestLogLevel(t *testing.T) {
	var out bytes.Buffer
	log := logging{Level: slog.LevelWarn, Format: "text"}.logger(&out)
	log.InfoContext(t.Context(), "not_this")
	log.WarnContext(t.Context(), "but this")
	if got := out.String(); strings.Contains(got, "not_this") || !strings.Contains(got, "but this") {
		t.Errorf("log = %q", got)
	}
}

// TestWritersTakeTurns: commands and the log write to one place at once, and each
// line stays whole.
func TestWritersTakeTurns(t *testing.T) {
	var buf bytes.Buffer
	w := together(&buf)
	log := logging{Format: "text"}.logger(w)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				fmt.Fprintln(w, "refused: a file")
				log.Info("entries sealed")
			}
		})
	}
	all.Wait()
	if said, logged := strings.Count(buf.String(), "refused: a file\n"), strings.Count(buf.String(), "msg=\"entries sealed\"\n"); said != 200 || logged != 200 {
		t.Errorf("%d lines said and %d logged; want 200 of each", said, logged)
	}
	if together(w) != w || together(os.Stderr) != io.Writer(os.Stderr) {
		t.Error("what takes turns already was wrapped")
	}
}
