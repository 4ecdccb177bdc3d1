package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
)

// A oneByOne is a writer for many: what commands say and what is logged goes to the
// same place at once.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

// Write waits until nobody else writes.
func (o *oneByOne) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// together returns a writer to w that many may use at once. A file is one already,
// and stays one that can be asked whether it is a terminal.
func together(w io.Writer) io.Writer {
	switch w.(type) {
	case *os.File, *oneByOne:
		return w
	}
	return &oneByOne{w: w}
}

// logging is how the program writes its log, which goes to standard error.
type logging struct {
	Level  slog.Level `setting:"" default:"info" help:"Log from this level on: debug, info, warn or error."`
	Format string     `setting:"" default:"text" enum:"text,json" help:"Log as text or json."`
}

// logger returns the program's one logger.
func (l logging) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level, ReplaceAttr: plain}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// plain is the ReplaceAttr of the program's log handler. It refuses what would
// be printed by reflection: a struct may hold a patient's name.
func plain(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindAny {
		switch a.Value.Any().(type) {
		case error, slog.Level, *slog.Source:
		default:
			a.Value = slog.StringValue("[refused]")
		}
	}
	return a
}
