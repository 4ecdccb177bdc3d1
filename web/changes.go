package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Changes is the feed of changes: who is told of what, and how far they are.
type Changes interface {
	Changes(ctx context.Context) (ChangesPage, error)
	// Follow adds a webhook and returns its secret, which is shown once; a RefusalError
	// for what cannot be.
	Follow(ctx context.Context, address string, groups []string, from ChangeStart) (secret string, err error)
	// NewSecret gives a webhook another secret and returns it, which is shown once.
	NewSecret(ctx context.Context, id string) (secret string, err error)
	// Change pauses, resumes or removes a webhook, as do says.
	Change(ctx context.Context, id, do string) error
	// Replay tells a webhook again from a start; a RefusalError for one that cannot be.
	Replay(ctx context.Context, id string, from ChangeStart) error
}

// A ChangeStart is from where a webhook is told, as typed: from is now, beginning, number
// or time.
type ChangeStart struct{ From, Number, Time string }

// A ChangesPage is what the page shows.
type ChangesPage struct {
	Webhooks []ChangeHook
	Groups   []string
	Head     int64 // number of the last entry
	Latest   []ChangeRow
	MayAdd   bool // whoever asks may read every study
	Limited  bool // the rest of the page may be seen, but changes may not
}

// A ChangeHook is a system that is told.
type ChangeHook struct {
	ID, Host, KeyID, By string
	Groups              []string
	Created             time.Time
	Criteria            string    // of a subscription of FHIR, "" of a webhook that somebody added here
	Until               time.Time // when a subscription ends; the zero time is never
	Former              string    // key of the secret before, which signs too, "" if there is none
	FormerUntil         time.Time // and how long

	Paused                     bool
	Why                        string // of a pause: person, failing, refused, rights, ended
	Since                      time.Time
	Cursor, Waiting, Delivered int64
	Last                       time.Time
	Status                     int
	Error                      string
	Failing, Next              time.Time
}

// A ChangeRow is one of the latest changes.
type ChangeRow struct {
	Number      int64
	Kind, Study string
	At          time.Time
}

func (s *server) changesRoutes(g registrar) {
	if s.Changes == nil {
		return
	}
	g.get("/settings/changes", access.ChangeFollow, s.changesPage)
	g.post("/settings/changes", access.ChangeFollow, s.changesAdd)
	g.post("/settings/changes/secret", access.ChangeFollow, s.changesSecret)
	g.post("/settings/changes/state", access.ChangeFollow, s.changesState)
	g.post("/settings/changes/replay", access.ChangeFollow, s.changesReplay)
}

// changesPage shows who is told.
func (s *server) changesPage(v *visit) error { return v.showChanges(changesForm{}) }

// A changesForm is what came of a form of the page.
type changesForm struct {
	address string
	groups  []string
	start   ChangeStart
	again   string // webhook whose replay was refused, "" for the form of a new one
	secret  string
	rotated bool // the secret is in the place of another
	wrong   map[string]string
}

// problem says what is wrong with a field of the form of a webhook, of a new one if id is "".
func (f changesForm) problem(id, name string) string {
	if f.again != id {
		return ""
	}
	return f.wrong[name]
}

// chosen reports whether a group stands chosen in the form: all do at first.
func (f changesForm) chosen(group string) bool {
	return f.wrong == nil || f.again != "" || slices.Contains(f.groups, group)
}

func (v *visit) showChanges(f changesForm) error {
	p, err := v.Changes.Changes(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.changes"), lead: v.p.T("changes.lead"), section: "/settings/changes"}
	if f.wrong != nil {
		pg.status = 400
	}
	return v.show(pg, changesBody(v, p, f))
}

// startOf reads from where somebody wants a webhook to be told.
func (v *visit) startOf() ChangeStart {
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	return ChangeStart{From: get("from"), Number: get("number"), Time: get("time")}
}

// changesAdd adds a webhook and shows its secret.
func (s *server) changesAdd(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := changesForm{address: strings.TrimSpace(v.r.PostForm.Get("address")), groups: v.r.PostForm["group"], start: v.startOf()}
	var err error
	f.secret, err = s.Changes.Follow(v.r.Context(), f.address, f.groups, f.start)
	if f.wrong = v.refused(err); f.wrong == nil && err != nil {
		return err
	}
	if f.wrong == nil {
		f.address, f.start = "", ChangeStart{}
	}
	return v.showChanges(f)
}

// changesSecret gives a webhook another secret and shows it.
func (s *server) changesSecret(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	secret, err := s.Changes.NewSecret(v.r.Context(), v.r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	return v.showChanges(changesForm{secret: secret, rotated: true})
}

// changesState pauses, resumes or removes a webhook.
func (s *server) changesState(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	do := v.r.PostForm.Get("do")
	if !slices.Contains([]string{"pause", "resume", "remove"}, do) {
		return fault.Errorf(fault.Invalid, "nothing that can be done")
	}
	if err := s.Changes.Change(v.r.Context(), v.r.PostForm.Get("id"), do); err != nil {
		return err
	}
	return v.back("/settings/changes", "changes_"+do)
}

// changesReplay tells a webhook again.
func (s *server) changesReplay(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := changesForm{again: v.r.PostForm.Get("id"), start: v.startOf()}
	err := s.Changes.Replay(v.r.Context(), f.again, f.start)
	if f.wrong = v.refused(err); f.wrong != nil {
		return v.showChanges(f)
	}
	if err != nil {
		return err
	}
	return v.back("/settings/changes", "changes_replay")
}

// changeFacts say how a webhook stands.
func (v *visit) changeFacts(h ChangeHook) []face.Fact {
	var groups []string
	for _, g := range h.Groups {
		groups = append(groups, v.p.T("changes.group_"+g))
	}
	result := face.Fact{Label: v.p.T("post.result"), Value: v.p.T("post.never")}
	if !h.Last.IsZero() {
		result.Value = v.p.T("post.good", lang.Args{"at": v.p.DateTime(v.local(h.Last))})
	}
	if h.Error != "" {
		result.Value = v.p.T("post.bad", lang.Args{"at": v.orNever(h.Last), "why": h.Error})
	}
	if !h.Paused && !h.Next.IsZero() {
		result.Origin = v.p.T("changes.next", lang.Args{"at": v.p.DateTime(v.local(h.Next))})
	}
	key := face.Fact{Label: v.p.T("post.key"), Value: h.KeyID, Code: true}
	if h.Former != "" {
		key.Origin = v.p.T("post.former", lang.Args{"key": h.Former, "until": v.p.DateTime(v.local(h.FormerUntil))})
	}
	what := face.Fact{Label: v.p.T("changes.groups"), Value: strings.Join(groups, ", ")}
	if h.Criteria != "" {
		what = face.Fact{Label: v.p.T("changes.subscription"), Value: h.Criteria, Code: true}
		if !h.Until.IsZero() {
			what.Origin = v.p.T("changes.until", lang.Args{"at": v.p.DateTime(v.local(h.Until))})
		}
	}
	return []face.Fact{
		what,
		{
			Label: v.p.T("changes.cursor"), Value: v.p.T("changes.at", lang.Args{"number": v.p.Count(h.Cursor)}),
			Origin: v.p.T("changes.waiting", lang.Args{"n": int(h.Waiting)}) + " · " + v.p.T("changes.delivered", lang.Args{"n": int(h.Delivered)}),
		},
		result, key,
		{Label: v.p.T("post.added"), Value: v.p.DateTime(v.local(h.Created)), Origin: h.By},
	}
}

// startChoices are from where a webhook can be told.
func (v *visit) startChoices(fresh bool) []face.Choice {
	all := []face.Choice{{Code: "beginning", Label: v.p.T("changes.from_beginning")}, {Code: "number", Label: v.p.T("changes.from_number")}, {Code: "time", Label: v.p.T("changes.from_time")}}
	now := face.Choice{Code: "now", Label: v.p.T("changes.from_now")}
	if fresh {
		return append([]face.Choice{now}, all...)
	}
	return append(all[1:], all[0], now)
}

// changeTable lists the latest changes.
func (v *visit) changeTable(p ChangesPage) face.Table {
	t := face.Table{
		ID: "latest", Caption: v.p.T("changes.latest"), Empty: face.Nothing(v.p.T("changes.latest_empty"), v.p.T("changes.latest_empty_text")),
		Columns: []face.Column{{Label: v.p.T("changes.number"), Phone: face.Beside, Numeric: true}, {Label: v.p.T("changes.kind"), Phone: face.Name}, {Label: v.p.T("changes.when")}},
	}
	for _, c := range p.Latest {
		t.Rows = append(t.Rows, face.Row{ID: "c" + v.p.Count(c.Number), Cells: []templ.Component{
			face.Words(v.p.Count(c.Number), ""), face.Words(c.Kind, c.Study), face.Words(v.p.DateTime(v.local(c.At)), ""),
		}})
	}
	return t
}
