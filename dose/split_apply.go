package dose

import (
	"context"
	"encoding/json"
	"slices"

	"radagora/db"
	"radagora/fault"
)

// AssignedByPerson says that somebody decided to which examination an event belongs. It
// goes before whatever else tells.
const AssignedByPerson = "person"

// ExamFromPerson says that whoever divided a study said what an examination is.
const ExamFromPerson = "person"

// A placed event is where a person said that an event belongs.
type belongs struct {
	slot    string   // of an examination that a person made, "" if it was there
	anchors []string // keys of events of the one that was there
	exam    string
	multi   bool
}

// decisions are what people said of the events of a study, by their keys.
type decisions map[string]belongs

// decided loads what counts of what people said of a study.
func decided(ctx context.Context, q db.Querier, siteID, study string) (decisions, error) {
	d := decisions{}
	_, err := db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		var key, anchors string
		var b belongs
		if err := r.Scan(&key, &b.slot, &anchors, &b.exam, &b.multi); err != nil {
			return struct{}{}, err
		}
		if err := json.Unmarshal([]byte(anchors), &b.anchors); err != nil {
			return struct{}{}, fault.As(fault.Internal, err)
		}
		d[key] = b // the later ones come later
		return struct{}{}, nil
	}, `select event_key, slot, anchors, exam_code, multi from dose_split
		where site_id = $1 and study_uid = $2 and undone_at = 0 order by decided_at, decision_id, event_key`, siteID, study)
	return d, err
}

// apply divides the events of one kind, which are in the order of time, as people said.
// What they said nothing of stays as it was, save that localizers and bolus tracking go
// with the diagnostic event that they come before.
func (d decisions) apply(own []Candidate, exams []Examination, unassigned []*Event, e examiner, orders []Ordered) ([]Examination, []*Event) {
	if len(d) == 0 {
		return exams, unassigned
	}
	s := splitting{decisions: d, own: own, at: map[*Event]int{}, to: map[*Event]belongs{}}
	for i := range exams {
		for _, event := range exams[i].Events {
			s.at[event] = i + 1
		}
	}
	s.follow()
	if len(s.to) == 0 {
		return exams, unassigned
	}
	return s.divide(exams, e, orders)
}

// A splitting divides the events of a study as people said.
type splitting struct {
	decisions
	own []Candidate
	at  map[*Event]int     // number of the examination that it was found to be of, 0 for none
	to  map[*Event]belongs // where people said that it belongs
}

// follow finds what people said of each event, and what goes with it.
func (s *splitting) follow() {
	var before []Candidate
	for _, c := range s.own {
		b, said := s.decisions[c.Event.Key]
		if said {
			s.to[c.Event] = b
		}
		switch {
		case !diagnostic(c.Event) && !said:
			before = append(before, c)
		case diagnostic(c.Event):
			for _, p := range before {
				if said && s.at[p.Event] == s.at[c.Event] {
					s.to[p.Event] = b
				}
			}
			before = nil
		}
	}
}

// divide makes the examinations.
func (s *splitting) divide(exams []Examination, e examiner, orders []Ordered) (all []Examination, loose []*Event) {
	events := make([][]Candidate, len(exams)+1) // by number of the examination that it was found to be of
	made, slots := map[string][]Candidate{}, []string{}
	for _, c := range s.own {
		b, said := s.to[c.Event]
		switch n := s.anchored(b); {
		case !said:
			events[s.at[c.Event]] = append(events[s.at[c.Event]], c)
		case b.slot == "":
			events[n] = append(events[n], c)
		default:
			if made[b.slot] == nil {
				slots = append(slots, b.slot)
			}
			made[b.slot] = append(made[b.slot], c)
		}
	}
	for i, own := range events {
		if i == 0 {
			for _, c := range own {
				loose = append(loose, c.Event)
			}
			continue
		}
		if len(own) > 0 {
			x := exams[i-1]
			x.Events, x.Decided = s.parts(own)
			all = append(all, x)
		}
	}
	for _, slot := range slots {
		b := s.to[made[slot][0].Event]
		x := e.made(made[slot], b, orders)
		x.Events, x.Decided = s.parts(made[slot])
		all = append(all, x)
	}
	slices.SortStableFunc(all, func(a, b Examination) int {
		return position(s.own, a.Events[0]) - position(s.own, b.Events[0])
	})
	return all, loose
}

// anchored returns the number of the examination that was there, 0 if it is there no more.
func (s *splitting) anchored(b belongs) int {
	for _, key := range b.anchors {
		for _, c := range s.own {
			if _, moved := s.to[c.Event]; c.Event.Key == key && !moved && s.at[c.Event] > 0 {
				return s.at[c.Event]
			}
		}
	}
	return 0
}

// parts returns events, and those of them that a person assigned.
func (s *splitting) parts(own []Candidate) (events, said []*Event) {
	for _, c := range own {
		events = append(events, c.Event)
		if _, ok := s.to[c.Event]; ok {
			said = append(said, c.Event)
		}
	}
	return events, said
}

// made makes the examination that a person made of events. If one order of the study
// asks for it, it is that order's.
func (e *examiner) made(own []Candidate, b belongs, orders []Ordered) Examination {
	x := gather([]run{{events: own}}, AssignedByPerson)
	x.Exam, x.Multi = b.exam, b.multi
	if b.exam != "" {
		x.ExamFrom = ExamFromPerson
	}
	var asked []*Ordered
	for i := range orders {
		if m, _, ok := e.find(slices.Concat(orders[i].Names, orders[i].Steps), own[0].Machine, own[0].Day); ok && m.Exam == b.exam {
			asked = append(asked, &orders[i])
		}
	}
	if len(asked) == 1 && !b.multi {
		x.ordered(asked[0], e.reasons)
	}
	return x
}

// by returns what told that an event is of the examination.
func (x *Examination) by(e *Event) string {
	if slices.Contains(x.Decided, e) {
		return AssignedByPerson
	}
	return x.AssignedBy
}
