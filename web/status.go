package web

import (
	"context"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Status knows how the installation stands, and takes what people decide about work
// that was given up.
type Status interface {
	Status(ctx context.Context) (StatusPage, error)
	// Replay has a job that was given up run again.
	Replay(ctx context.Context, id string) error
	// Remove forgets it.
	Remove(ctx context.Context, id string) error
}

// A StatusPage says how the installation stands.
type StatusPage struct {
	Looked     time.Time
	Conditions []Condition
	Dead       []DeadJob
	Times      []JobTime
}

// A Condition is a value beside its reference.
type Condition struct {
	Group                  string // storage, work, doors, program
	Name, Value, Reference lang.Message
	State                  string // good, attention, trouble, unknown, "" if there is nothing to compare with
}

// A DeadJob was given up.
type DeadJob struct {
	ID, Kind, Reason string
	Attempts         int
	Ended            time.Time
}

// A JobTime is work at fixed times.
type JobTime struct {
	Name, Schedule string
	Next, Last     time.Time
}

// conditionGroups are the groups in the order in which they are shown.
var conditionGroups = []string{"storage", "work", "doors", "program"}

// statusPage shows how the installation stands.
func (s *server) statusPage(v *visit) error {
	st, err := s.Status.Status(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.status"), lead: v.p.T("status.lead", lang.Args{"at": v.p.DateTime(v.local(st.Looked))})}
	return v.show(pg, statusBody(v, st))
}

// statusDecide replays or removes a job that was given up.
func (s *server) statusDecide(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id, ctx := v.r.PostForm.Get("id"), v.r.Context()
	do, done := s.Status.Replay, "job_replayed"
	if v.r.PostForm.Get("do") == "remove" {
		do, done = s.Status.Remove, "job_removed"
	}
	if err := do(ctx, id); err != nil {
		return err
	}
	return v.back("/settings/status", done)
}

// conditionShape is the shape of a state, as comparisons have it.
var conditionShape = map[string]face.Shape{"good": face.FilledDot, "attention": face.HalfDot, "trouble": face.ArrowRing, "unknown": face.Dash}

// of returns the conditions of a group.
func (pg StatusPage) of(group string) []Condition {
	var all []Condition
	for _, c := range pg.Conditions {
		if c.Group == group {
			all = append(all, c)
		}
	}
	return all
}

// worst counts what is not good.
func (pg StatusPage) worst() (trouble, attention int) {
	for _, c := range pg.Conditions {
		switch c.State {
		case "trouble", "unknown":
			trouble++
		case "attention":
			attention++
		}
	}
	return trouble, attention
}

// summary says in one line how it stands.
func (v *visit) summary(pg StatusPage) face.Notice {
	switch trouble, attention := pg.worst(); {
	case trouble > 0:
		return face.Notice{Tone: face.Trouble, Title: v.p.T("status.in_trouble", lang.Args{"n": trouble}), Text: v.p.T("status.in_trouble_text")}
	case attention > 0:
		return face.Notice{Tone: face.Attention, Title: v.p.T("status.in_attention", lang.Args{"n": attention}), Text: v.p.T("status.in_attention_text")}
	}
	return face.Notice{Tone: face.Good, Title: v.p.T("status.all_good")}
}
