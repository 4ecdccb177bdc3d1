package main

import (
	"io"
	"log/slog"
)

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
