package web

import (
	"context"
	"time"

	"radagora/lang"
	"radagora/web/face"
)

// Today is what the first page asks for: what needs who, across all rooms.
type Today interface {
	Today(ctx context.Context, who Person, language string) (TodayPage, error)
}

// A TodayPage is a person's own day. Started is false until the first object has
// ever arrived; the page then leads to the guide.
type TodayPage struct {
	Started bool
	Tasks   []Task // most important first
	Tiles   []Headline
	Work    []Work
	Last    time.Time // when the last object arrived; zero if none
	LastDay int       // objects kept in the last 24 hours
	Refused int       // objects refused in the last 24 hours
}

// A Task is one line of the day: what, until when, one action.
type Task struct {
	What    lang.Message
	Why     lang.Message // a quieter line; empty key for none
	Row     *DoseRow     // what it is about, if that is a comparison: it then says why and draws the glyph
	Until   time.Time    // zero for no date
	Overdue bool
	Shape   face.Shape // "" for none; a Row has its own
	Do      lang.Message
	Path    string // where the action is
}

// A Headline is one tile: a value beside its reference, with n and period. Value
// and Unit are printed with three significant digits, or as a whole number where
// Whole is set, or as per cent where Share is set.
type Headline struct {
	Label        lang.Message
	Value        float64
	Unit         string // UCUM code
	Whole, Share bool
	Reference    lang.Message
	Basis        lang.Message
	Shape        face.Shape
	Path         string
}

// Work is something long that runs in the background.
type Work struct {
	What   lang.Message
	Done   int64
	Total  int64
	Note   lang.Message
	Cancel string // address that stops it by POST, "" if it cannot be stopped
}

// home shows the day, or the guide while nothing has arrived yet.
func (s *server) home(v *visit) error {
	if s.Today == nil {
		return v.show(page{title: v.p.T("nav.today")}, nothingYet(v))
	}
	day, err := s.Today.Today(v.r.Context(), v.who, v.p.Tag())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.today"), lead: v.p.LongDate(v.now())}
	return v.show(pg, todayPage(v, day))
}

// tiles prints headlines.
func (v *visit) tiles(all []Headline) []face.Tile {
	tiles := make([]face.Tile, len(all))
	for i, h := range all {
		tiles[i] = face.Tile{
			Label: v.p.Say(h.Label), Value: v.headlineValue(h), Shape: h.Shape, Href: h.Path,
			Reference: v.say(h.Reference), Basis: v.say(h.Basis),
		}
		if h.Unit != "" {
			tiles[i].Unit = v.p.Unit(h.Unit)
		}
	}
	return tiles
}

// why says why a task is one.
func (v *visit) why(t Task) string {
	if t.Row != nil {
		return v.sentence(*t.Row)
	}
	return v.say(t.Why)
}

// shape returns the shape of a task's state.
func (t Task) shape() face.Shape {
	if t.Row != nil {
		return t.Row.State.Shape
	}
	return t.Shape
}

// headlineValue prints a headline's number.
func (v *visit) headlineValue(h Headline) string {
	switch {
	case h.Share:
		return v.p.Percent(h.Value)
	case h.Whole:
		return v.p.Count(int64(h.Value))
	}
	return v.p.Sig(h.Value)
}

// say prints a message, "" if there is none.
func (v *visit) say(m lang.Message) string {
	if m.Key == "" {
		return ""
	}
	return v.p.Say(m)
}

// progress prints a piece of work.
func (v *visit) progress(w Work) face.Progress {
	return face.Progress{Label: v.p.Say(w.What), Done: w.Done, Total: w.Total, Note: v.say(w.Note), Cancel: w.Cancel}
}
