package incident

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Work is what those responsible found and did. Days are 2006-01-02, moments
// 2006-01-02T15:04, all at the site.
type Work struct {
	Kind         string    `json:"kind,omitempty"`   // where the report was wrong
	Sort         string    `json:"sort,omitempty"`   // likewise
	Harmed       string    `json:"harmed,omitempty"` // likewise
	Severity     string    `json:"severity,omitempty"`
	Causes       []string  `json:"causes,omitempty"`
	CauseWords   string    `json:"cause_words,omitempty"`
	Significant  string    `json:"significant,omitempty"`   // clinically: yes or no
	Criterion    string    `json:"criterion,omitempty"`     // id of the one that is met, NoCriterion, or "" while nobody said
	CriterionWhy string    `json:"criterion_why,omitempty"` // in words
	Known        string    `json:"known,omitempty"`         // moment from which the clock runs
	Due          time.Time `json:"due,omitzero"`            // set by the room: when the clock ends; zero without a number
	Expert       string    `json:"expert,omitempty"`        // medical physics expert
	ExpertDay    string    `json:"expert_day,omitempty"`    // on which they were consulted
	NotifiedAt   string    `json:"notified_at,omitempty"`   // moment
	NotifiedTo   string    `json:"notified_to,omitempty"`   // authority
	NotifiedBy   string    `json:"notified_by,omitempty"`   // reference, or by which way
	Told         []Told    `json:"told,omitempty"`
	Dose         string    `json:"dose,omitempty"` // estimate of the physicist, in words with units
	DoseDay      string    `json:"dose_day,omitempty"`
	DoseBy       string    `json:"dose_by,omitempty"`
	DoseOf       string    `json:"dose_of,omitempty"` // examination ID or worksheet ID that it rests on
	Analysis     string    `json:"analysis,omitempty"`
	Analysed     string    `json:"analysed,omitempty"` // day on which the analysis was finished
	Actions      []Action  `json:"actions,omitempty"`
	Lesson       string    `json:"lesson,omitempty"`    // for the board
	Published    string    `json:"published,omitempty"` // day since which the board shows it
}

// NoCriterion says that somebody looked and no criterion is met.
const NoCriterion = "none"

// Told says that one of the three recipients was informed, or why not.
type Told struct {
	Whom string `json:"whom"` // see Recipients
	Day  string `json:"day,omitempty"`
	By   string `json:"by,omitempty"`
	Why  string `json:"why,omitempty"` // not
}

// Recipients are those who are to be told of a clinically significant event
// (2013/59/Euratom, Art. 63(d)).
func Recipients() []string { return []string{"referrer", "practitioner", "patient"} }

// told returns what is known of one recipient.
func (w Work) told(whom string) Told {
	for _, t := range w.Told {
		if t.Whom == whom {
			return t
		}
	}
	return Told{Whom: whom}
}

// An Action is what somebody does so that it does not happen again.
type Action struct {
	ID     string `json:"id"` // given by the room
	Words  string `json:"words"`
	Owner  string `json:"owner"` // account, or a name
	Due    string `json:"due"`
	Done   string `json:"done,omitempty"` // day
	Result string `json:"result,omitempty"`
}

// mostActions bounds the actions of an incident.
const mostActions = 50

// Change keeps what those responsible found and did, on behalf of an account. version is
// the one they read. Conflict: somebody changed it meanwhile, or it is closed. Invalid: what
// is wrong. A work that changes nothing keeps nothing.
func (r *Register) Change(ctx context.Context, siteID, by, id string, version int, w Work) (*Incident, error) {
	var out *Incident
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := r.at(ctx, tx, siteID, by, id, version)
		if err != nil {
			return err
		}
		if i.State == Closed || i.State == Aside {
			return fault.Errorf(fault.Conflict, "incident %s is %s: open it again first, with a reason", i.Name(), i.State)
		}
		if err := r.checkWork(ctx, tx, i, &w); err != nil {
			return err
		}
		out = i
		fields := differ(i.Work, w)
		if len(fields) == 0 {
			return nil
		}
		i.Work, i.State = w, Open
		return r.keep(ctx, tx, i, Step{Kind: Changed, Fields: fields, By: by, At: r.Now()})
	})
	return out, err
}

// at returns an incident as somebody read it.
func (r *Register) at(ctx context.Context, tx *db.Tx, siteID, by, id string, version int) (*Incident, error) {
	if by == "" {
		return nil, fault.Errorf(fault.Invalid, "incident: somebody decides")
	}
	i, err := r.Find(ctx, tx, siteID, id)
	if err != nil {
		return nil, err
	}
	if i.Version != version {
		return nil, fault.Errorf(fault.Conflict, "incident %s was changed meanwhile: read it again", i.Name())
	}
	return i, nil
}

// differ returns the names of the fields that differ, sorted.
func differ(a, b Work) (all []string) {
	x, y := fieldsOf(a), fieldsOf(b)
	for k := range y {
		if string(x[k]) != string(y[k]) {
			all = append(all, k)
		}
	}
	for k := range x {
		if y[k] == nil {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

// fieldsOf returns the fields of a work that say something.
func fieldsOf(w Work) map[string]json.RawMessage {
	raw, err := json.Marshal(w)
	if err != nil {
		panic(err) // it has nothing that JSON cannot write
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &all); err != nil {
		panic(err)
	}
	return all
}

// checkWork refuses what cannot be, and fills in what the room says itself.
func (r *Register) checkWork(ctx context.Context, tx *db.Tx, i *Incident, w *Work) error {
	w.Published = i.Work.Published
	if w.Lesson != i.Work.Lesson && w.Published != "" {
		return fault.Errorf(fault.Conflict, "lesson: it is on the board; take it off before you change it")
	}
	if err := r.checkWords(i.Site, w); err != nil {
		return err
	}
	if err := checkDays(w); err != nil {
		return err
	}
	if err := checkActions(w); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range w.Told {
		if !slices.Contains(Recipients(), t.Whom) || seen[t.Whom] {
			return fault.Errorf(fault.Invalid, "disclosure: to each of %s once", strings.Join(Recipients(), ", "))
		}
		seen[t.Whom] = true
	}
	w.Told = slices.DeleteFunc(w.Told, func(t Told) bool { return t.Day == "" && t.By == "" && t.Why == "" })
	return r.runClock(ctx, tx, i, w)
}

// checkWords refuses texts that are too long and codes that nobody knows.
func (r *Register) checkWords(siteID string, w *Work) error {
	long := []string{w.CauseWords, w.CriterionWhy, w.Dose, w.Analysis, w.Lesson}
	short := []string{w.Expert, w.NotifiedTo, w.NotifiedBy, w.DoseBy, w.DoseOf}
	for _, t := range w.Told {
		long, short = append(long, t.Why), append(short, t.By)
	}
	for _, s := range long {
		if !text(s, mostWords) {
			return fault.Errorf(fault.Invalid, "incident: a text is plain and has at most %d bytes", mostWords)
		}
	}
	for _, s := range short {
		if !text(s, mostLine) {
			return fault.Errorf(fault.Invalid, "incident: a name is plain text of at most %d bytes", mostLine)
		}
	}
	switch {
	case w.Kind != "" && !r.has(siteID, kindSet, "kinds", "kind_code", w.Kind):
		return fault.Errorf(fault.Invalid, "kind: there is no %.40q; content set %s lists them", w.Kind, kindSet)
	case w.Severity != "" && !r.has(siteID, kindSet, "severities", "severity_code", w.Severity):
		return fault.Errorf(fault.Invalid, "severity: there is no %.40q; content set %s lists them", w.Severity, kindSet)
	case !oneOf(w.Sort, "", Event, NearMiss):
		return fault.Errorf(fault.Invalid, "sort: event or near_miss")
	case !oneOf(w.Harmed, "", Yes, No, Unknown):
		return fault.Errorf(fault.Invalid, "harmed: yes, no or unknown")
	case !oneOf(w.Significant, "", Yes, No):
		return fault.Errorf(fault.Invalid, "significant: yes or no")
	}
	slices.Sort(w.Causes)
	w.Causes = slices.Compact(w.Causes)
	for _, c := range w.Causes {
		if !r.has(siteID, causeSet, "causes", "cause_code", c) {
			return fault.Errorf(fault.Invalid, "cause: there is no %.40q; content set %s lists them", c, causeSet)
		}
	}
	return nil
}

// checkDays refuses what is no day.
func checkDays(w *Work) error {
	days := []struct{ name, day string }{{"expert_day", w.ExpertDay}, {"dose_day", w.DoseDay}, {"analysed", w.Analysed}}
	for _, t := range w.Told {
		days = append(days, struct{ name, day string }{"told " + t.Whom, t.Day})
	}
	for _, a := range w.Actions {
		days = append(days, struct{ name, day string }{"action", a.Due}, struct{ name, day string }{"action done", a.Done})
	}
	for _, d := range days {
		if _, err := time.Parse(time.DateOnly, d.day); d.day != "" && err != nil {
			return fault.Errorf(fault.Invalid, "%s: write the day as YYYY-MM-DD", d.name)
		}
	}
	for _, m := range []struct{ name, at string }{{"known", w.Known}, {"notified_at", w.NotifiedAt}} {
		if _, err := time.Parse(moments, m.at); m.at != "" && err != nil {
			return fault.Errorf(fault.Invalid, "%s: write the moment as YYYY-MM-DDTHH:MM", m.name)
		}
	}
	if w.Analysed != "" && strings.TrimSpace(w.Analysis) == "" {
		return fault.Errorf(fault.Invalid, "analysis: it is finished when it says something; write what was found")
	}
	return nil
}

// checkActions refuses actions that nobody can carry out, and gives ids to new ones.
func checkActions(w *Work) error {
	if len(w.Actions) > mostActions {
		return fault.Errorf(fault.Invalid, "actions: at most %d", mostActions)
	}
	for n := range w.Actions {
		a := &w.Actions[n]
		if a.ID == "" {
			a.ID = db.NewID()
		}
		switch {
		case strings.TrimSpace(a.Words) == "" || !text(a.Words, mostWords) || !text(a.Result, mostWords) || !text(a.ID, mostLine):
			return fault.Errorf(fault.Invalid, "action %d: say what is to be done, in at most %d bytes", n+1, mostWords)
		case strings.TrimSpace(a.Owner) == "" || !text(a.Owner, mostLine):
			return fault.Errorf(fault.Invalid, "action %d: say who does it", n+1)
		case a.Due == "":
			return fault.Errorf(fault.Invalid, "action %d: say until when", n+1)
		}
	}
	return nil
}

// runClock sets when the notification is due: by the criterion that is met, from the
// moment at which the site knew.
func (r *Register) runClock(ctx context.Context, tx *db.Tx, i *Incident, w *Work) error {
	w.Due = time.Time{}
	if w.Criterion == "" || w.Criterion == NoCriterion {
		return nil
	}
	c, err := r.criterion(ctx, tx, i.Site, w.Criterion)
	if err != nil {
		return err
	}
	if c.Ended && i.Work.Criterion != c.ID {
		return fault.Errorf(fault.Invalid, "criterion: that one ended; choose one in force")
	}
	here, err := r.Site(ctx, i.Site)
	if err != nil {
		return err
	}
	if w.Known == "" {
		w.Known = i.Day + "T00:00"
		if !i.At.IsZero() {
			w.Known = i.At.In(here.Location()).Format(moments)
		}
	}
	known, err := time.ParseInLocation(moments, w.Known, here.Location())
	if err != nil {
		return fault.Errorf(fault.Invalid, "known: write the moment as YYYY-MM-DDTHH:MM")
	}
	w.Due = c.Due(known)
	return nil
}

// What a closed incident must have, as codes.
const (
	MissSeverity    = "severity"
	MissCause       = "cause"
	MissAnalysis    = "analysis"
	MissSignificant = "significant"
	MissCriterion   = "criterion"
	MissExpert      = "expert"
	MissNotified    = "notified"
	MissTold        = "told" // followed by the recipient
	MissAction      = "action"
)

// Missing returns what still keeps an incident from being closed, as codes: see
// MissSeverity.
func (w Work) Missing() (all []string) {
	add := func(missing bool, code string) {
		if missing {
			all = append(all, code)
		}
	}
	add(w.Severity == "", MissSeverity)
	add(len(w.Causes) == 0, MissCause)
	add(w.Analysed == "", MissAnalysis)
	add(w.Significant == "", MissSignificant)
	add(w.Criterion == "", MissCriterion)
	if w.Notifiable() {
		add(w.ExpertDay == "", MissExpert)
		add(w.NotifiedAt == "", MissNotified)
	}
	if w.Significant == Yes {
		for _, whom := range Recipients() {
			t := w.told(whom)
			add(t.Day == "" && strings.TrimSpace(t.Why) == "", MissTold+"_"+whom)
		}
	}
	add(slices.ContainsFunc(w.Actions, func(a Action) bool { return a.Done == "" }), MissAction)
	return all
}

// Notifiable reports whether a criterion of significance is met.
func (w Work) Notifiable() bool { return w.Criterion != "" && w.Criterion != NoCriterion }

// Disclosed reports whether each recipient was told, or a reason stands why not.
func (w Work) Disclosed() bool {
	for _, whom := range Recipients() {
		if t := w.told(whom); t.Day == "" && strings.TrimSpace(t.Why) == "" {
			return false
		}
	}
	return true
}

// missingWords say in English what is missing; pages have their own words.
var missingWords = map[string]string{
	MissSeverity: "say how grave it was", MissCause: "name at least one cause", MissAnalysis: "finish the analysis",
	MissSignificant: "say whether it was clinically significant", MissCriterion: "apply the national criteria, or say that none is met",
	MissExpert: "say when the medical physics expert was consulted", MissNotified: "notify the authority",
	MissTold + "_referrer": "tell the referrer, or say why not", MissTold + "_practitioner": "tell the practitioner, or say why not",
	MissTold + "_patient": "tell the patient or a representative, or say why not", MissAction: "carry out every action",
}

// Close closes an incident. Invalid: what is missing, by name.
func (r *Register) Close(ctx context.Context, siteID, by, id string, version int) (*Incident, error) {
	return r.move(ctx, siteID, by, id, version, "", Shut, Closed, func(i *Incident) error {
		if i.State == Closed || i.State == Aside {
			return fault.Errorf(fault.Conflict, "incident %s is %s already", i.Name(), i.State)
		}
		missing := i.Work.Missing()
		if len(missing) == 0 {
			return nil
		}
		words := make([]string, len(missing))
		for n, code := range missing {
			words[n] = missingWords[code]
		}
		return fault.Errorf(fault.Invalid, "incident %s cannot be closed yet: %s", i.Name(), strings.Join(words, "; "))
	})
}

// Reopen opens an incident again that was closed or set aside. It needs a reason.
func (r *Register) Reopen(ctx context.Context, siteID, by, id string, version int, reason string) (*Incident, error) {
	return r.move(ctx, siteID, by, id, version, reason, Reopened, Open, func(i *Incident) error {
		if i.State != Closed && i.State != Aside {
			return fault.Errorf(fault.Conflict, "incident %s is open", i.Name())
		}
		return reasoned(reason)
	})
}

// SetAside says that a report is no incident, or was reported twice. It stays, and is
// counted nowhere. It needs a reason.
func (r *Register) SetAside(ctx context.Context, siteID, by, id string, version int, reason string) (*Incident, error) {
	return r.move(ctx, siteID, by, id, version, reason, SetAside, Aside, func(i *Incident) error {
		if i.State == Closed || i.State == Aside {
			return fault.Errorf(fault.Conflict, "incident %s is %s already", i.Name(), i.State)
		}
		return reasoned(reason)
	})
}

// reasoned refuses what is no reason.
func reasoned(s string) error {
	if strings.TrimSpace(s) == "" || !text(s, mostWords) {
		return fault.Errorf(fault.Invalid, "incident: give a reason of 1 to %d bytes", mostWords)
	}
	return nil
}

// move puts an incident into another state if may allows it.
func (r *Register) move(ctx context.Context, siteID, by, id string, version int, reason, kind, state string, may func(*Incident) error) (*Incident, error) {
	var out *Incident
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		i, err := r.at(ctx, tx, siteID, by, id, version)
		if err != nil {
			return err
		}
		if err := may(i); err != nil {
			return err
		}
		i.State, out = state, i
		return r.keep(ctx, tx, i, Step{Kind: kind, Reason: reason, By: by, At: r.Now()})
	})
	return out, err
}
