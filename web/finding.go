package web

import (
	"context"
	"slices"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Findings takes what people decide about findings. Change returns a RefusalError for
// fields it does not accept.
type Findings interface {
	Change(ctx context.Context, who Person, c FindingChange) error
}

// A FindingChange is the human part of a finding as a person wants it to be.
type FindingChange struct {
	ID    string
	State string
	Owner string // person's id, "" for nobody
	Due   time.Time
	Note  string
}

// settable are the states a person may set; withdrawn is the machine's.
var settable = []string{"open", "in_work", "measured_again", "closed"}

// noteLimit bounds a note, in bytes.
const noteLimit = 4000

// findingChange takes the form of a finding. What it refuses is shown on the
// page the form stands on.
func (s *server) findingChange(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	form := v.r.PostForm
	change, wrong := readFindingChange(form.Get)
	err := error(nil)
	if len(wrong) > 0 {
		err = Refuse(wrong)
	} else {
		err = s.Findings.Change(v.r.Context(), v.who, change)
	}
	back := parseAddress(localPath(form.Get("back")))
	if fields := v.refused(err); fields != nil {
		return v.showRefused(back, change, fields)
	}
	if err != nil {
		return err
	}
	return v.back(back.String(), "finding")
}

// readFindingChange parses the form; wrong holds catalogue keys by field.
func readFindingChange(get func(string) string) (c FindingChange, wrong map[string]string) {
	wrong = map[string]string{}
	c = FindingChange{ID: get("id"), State: get("state"), Owner: get("owner"), Note: get("note")}
	if !slices.Contains(settable, c.State) {
		wrong["state"] = "finding.wrong_state"
	}
	if due := get("due"); due != "" {
		day, err := time.Parse(time.DateOnly, due)
		if err != nil {
			wrong["due"] = "finding.wrong_due"
		}
		c.Due = day
	}
	if len(c.Note) > noteLimit {
		wrong["note"] = "finding.wrong_note"
	}
	if c.State == "closed" && c.Note == "" {
		wrong["note"] = "finding.needs_note"
	}
	return c, wrong
}

// showRefused shows the page again with the form as the person left it.
func (v *visit) showRefused(back address, c FindingChange, fields map[string]string) error {
	if v.DoseCT == nil || back.path != "/dose/ct" {
		return Refuse(fields)
	}
	return v.showDose(back, &refusal{change: c, fields: fields})
}

// A refusal is a form of a finding that was not accepted.
type refusal struct {
	change FindingChange
	fields map[string]string
}

// findingForm returns what the forms of a page need.
func (v *visit) findingForm(people []face.Choice, back address, no *refusal) face.FindingForm {
	f := face.FindingForm{Action: "/findings", Back: back.without("done").String(), People: people}
	for _, code := range settable {
		f.States = append(f.States, face.Choice{Code: code, Label: v.p.T("finding.state_" + code)})
	}
	if no != nil {
		f.Wrong, f.Errors = no.change.ID, no.fields
	}
	return f
}

// findings prints the findings of a page.
func (v *visit) findings(all []DoseFinding, no *refusal) []face.Finding {
	rows := make([]face.Finding, len(all))
	for i, f := range all {
		rows[i] = v.finding(f)
		if no != nil && no.change.ID == f.ID {
			rows[i].State.Code, rows[i].Owner.Code = no.change.State, no.change.Owner
			rows[i].Note, rows[i].Due = no.change.Note, no.change.Due
		}
	}
	return rows
}

// finding prints one.
func (v *visit) finding(f DoseFinding) face.Finding {
	out := face.Finding{
		ID: f.ID, Title: v.say(f.What), Sentence: v.say(f.Why), Note: f.Note,
		State: face.Choice{Code: f.State, Label: v.p.T("finding.state_" + f.State)},
		Owner: f.Owner, Due: f.Due, Overdue: f.Overdue, Opened: v.local(f.Opened),
		Settled: f.State == "closed" || f.State == "withdrawn",
	}
	if f.Row != nil {
		out.Title = v.rowTitle(*f.Row)
		if rule := v.say(f.What); rule != "" {
			out.Title += ": " + rule
		}
		out.Sentence = v.sentence(*f.Row)
		out.Glyph = v.glyph(*f.Row)
		out.Href = v.here().at("/dose/ct").with("open", f.Row.ID).String()
	}
	for _, e := range f.Changes {
		out.Changes = append(out.Changes, face.Change{At: v.local(e.At), Who: e.Who, What: v.p.Say(e.What)})
	}
	return out
}

// rowTitle names a row: room, examination, indication.
func (v *visit) rowTitle(r DoseRow) string {
	a := lang.Args{"room": r.Room.Name, "exam": r.Exam.Label, "indication": r.Indication}
	if r.Indication == "" {
		return v.p.T("dose.row", a)
	}
	return v.p.T("dose.row_indication", a)
}
