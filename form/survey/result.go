package survey

import (
	"context"
	"encoding/json"
	"slices"
	"sort"
	"strconv"

	"radagora/db"
	"radagora/fault"
	"radagora/form"
)

// Counts are what results are a part of.
type Counts struct {
	Invited  int `json:"invited"` // by address for everybody: how many could have answered, 0 if nobody knows
	Opened   int `json:"opened"`
	Begun    int `json:"begun"`
	Usable   int `json:"usable"`
	Complete int `json:"complete"`
	Full     int `json:"full"` // turned away because their group had enough
}

// A Rate is a quotient, unless there is nothing to divide by.
type Rate struct {
	Value float64 `json:"value"`
	Known bool    `json:"known"`
}

// Rates are the three that are told of a survey, each a quotient from 0.
type Rates struct {
	Answered   Rate `json:"answered"`   // usable of invited
	Complete   Rate `json:"complete"`   // complete of invited
	Completion Rate `json:"completion"` // complete of usable
}

// Rates of the counts.
func (c Counts) Rates() Rates {
	of := func(a, b int) Rate {
		if b == 0 {
			return Rate{}
		}
		return Rate{Value: float64(a) / float64(b), Known: true}
	}
	return Rates{Answered: of(c.Usable, c.Invited), Complete: of(c.Complete, c.Invited), Completion: of(c.Complete, c.Usable)}
}

// counts counts now.
func (*Desk) counts(ctx context.Context, q db.Querier, s *Survey) (c Counts, err error) {
	err = q.QueryRow(ctx, `select count(*), coalesce(sum(opened), 0) from survey_invite where site_id = $1 and survey_id = $2`, s.Site, s.ID).Scan(&c.Invited, &c.Opened)
	if err != nil {
		return c, err
	}
	if s.Plan.Link {
		c.Invited = s.Plan.Whole
		if err = q.QueryRow(ctx, `select opened from survey where site_id = $1 and survey_id = $2`, s.Site, s.ID).Scan(&c.Opened); err != nil {
			return c, err
		}
	}
	return c, q.QueryRow(ctx, `select count(*), coalesce(sum(case when state <> 'full' then usable else 0 end), 0), coalesce(sum(case when state = 'complete' then 1 else 0 end), 0),
		coalesce(sum(case when state = 'full' then 1 else 0 end), 0) from survey_answer where site_id = $1 and survey_id = $2`, s.Site, s.ID).Scan(&c.Begun, &c.Usable, &c.Complete, &c.Full)
}

// Counts counts how far a survey is.
func (d *Desk) Counts(ctx context.Context, siteID, id string) (Counts, error) {
	s, err := d.find(ctx, d.DB, siteID, id)
	if err != nil {
		return Counts{}, err
	}
	if s.State == Cleared {
		r, err := d.told(ctx, &s)
		return r.Counts, err
	}
	return d.counts(ctx, d.DB, &s)
}

// Results are what a survey says, by groups that are large enough. They count complete
// answers.
type Results struct {
	Counts    Counts     `json:"counts"`
	Day       string     `json:"day"`   // on which they were counted
	Least     int        `json:"least"` // answers that a group must have
	N         int        `json:"n"`     // complete answers
	Hidden    bool       `json:"hidden,omitempty"`
	Groups    []string   `json:"groups,omitempty"` // of Table.Cells, by name or place of the option
	Questions []Question `json:"questions"`
	Final     bool       `json:"final,omitempty"` // nothing is added any more
}

// A Question is what was answered to one.
type Question struct {
	LinkID  string `json:"question"`
	Answers Cell   `json:"answers"` // people
	// Options counts people by option: those who chose one, of several choices each by
	// itself; after the options those in words of their own.
	Options []Cell `json:"options,omitempty"`
	Several bool   `json:"several,omitempty"`
	// Table counts by group, rows as Results.Groups; of one choice only.
	Table *Table `json:"table,omitempty"`
	// Median of numbers, and quartiles where there are enough for four groups.
	Median, Low, High *float64 `json:",omitempty"`
	Texts             bool     `json:"texts,omitempty"` // see Desk.Texts
}

// Results returns what a survey says. While it is open they are counted anew only when so
// many more answers have come that no difference tells of one (rule result_step).
func (d *Desk) Results(ctx context.Context, siteID, id string) (Results, error) {
	s, err := d.find(ctx, d.DB, siteID, id)
	if err != nil {
		return Results{}, err
	}
	if s.State == Draft {
		return Results{}, fault.Errorf(fault.Conflict, "the survey has not opened: it has no results")
	}
	old, err := d.told(ctx, &s)
	if err != nil && fault.Of(err) != fault.NotFound {
		return old, err
	}
	if s.State == Cleared || err == nil && old.Final {
		return old, err
	}
	rules, err := d.Rules(siteID)
	if err != nil {
		return old, err
	}
	counts, err := d.counts(ctx, d.DB, &s)
	if err != nil {
		return old, err
	}
	if step := counts.Complete - old.N; s.State == Open && (old.Day != "" || counts.Complete < rules.Least) && step < rules.Step {
		if old.Day == "" {
			old = Results{Hidden: true, Least: s.Plan.Least}
		}
		old.Counts = counts
		return old, nil
	}
	return d.count(ctx, &s, counts)
}

// told returns what was told last.
func (d *Desk) told(ctx context.Context, s *Survey) (r Results, err error) {
	text := ""
	err = d.DB.QueryRow(ctx, `select results from survey_result where site_id = $1 and survey_id = $2`, s.Site, s.ID).Scan(&text)
	if err != nil {
		return r, err
	}
	return r, fault.As(fault.Internal, json.Unmarshal([]byte(text), &r))
}

// A tally counts one question.
type tally struct {
	item    *form.Item
	people  int
	options []int
	byGroup map[string][]int
	numbers []float64
}

// count counts all answers.
func (d *Desk) count(ctx context.Context, s *Survey, counts Counts) (Results, error) {
	def, _, err := d.Forms.Form(ctx, s.Site, s.URL, s.Version)
	if err != nil {
		return Results{}, err
	}
	here, err := d.Site(ctx, s.Site)
	if err != nil {
		return Results{}, err
	}
	r := Results{Counts: counts, Day: here.Day(d.Now()), Least: s.Plan.Least, Final: s.State == Closed}
	tallies := []*tally{}
	by := map[*form.Item]*tally{}
	for _, it := range def.All() {
		if it.Type == form.Group || it.Type == form.Display || it.Hidden {
			continue
		}
		t := &tally{item: it, options: make([]int, len(it.Options)+1), byGroup: map[string][]int{}}
		tallies, by[it] = append(tallies, t), t
	}
	sizes := map[string]int{}
	err = d.each(ctx, d.DB, s, func(a *answer, session *form.Session) error {
		r.N++
		group := a.stratum
		if g := s.Plan.Group; g != "" && g != StratumGroup {
			if i := chosen(session, g); i >= 0 {
				group = strconv.Itoa(i)
			}
		}
		sizes[group]++
		seen := map[*form.Item]map[int]bool{}
		visit(session.Nodes, func(n *form.Node) {
			t := by[n.Item]
			if t == nil || len(n.Answers) == 0 {
				return
			}
			if seen[n.Item] == nil {
				seen[n.Item] = map[int]bool{}
				t.people++
			}
			t.add(n, seen[n.Item], group)
		})
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Counts.Complete = max(r.Counts.Complete, r.N) // one may have come while it was counted
	r.Hidden = r.N < s.Plan.Least
	var small map[string]bool
	if !r.Hidden {
		r.Groups, small = large(sizes, s.Plan.Least)
	}
	for _, t := range tallies {
		if !r.Hidden {
			r.Questions = append(r.Questions, t.told(s, r.Groups, small))
		}
	}
	return r, d.remember(ctx, s, &r)
}

// OtherGroups stands in Results.Groups for all groups that are too small to be told alone,
// and for those who are in none.
const OtherGroups = "+"

// large returns the groups that can be told, in order, and those that are told together.
// The same are together at every question: else one table would tell what another hides.
func large(sizes map[string]int, least int) (groups []string, small map[string]bool) {
	var names []string
	for g := range sizes {
		if g != "" {
			names = append(names, g)
		}
	}
	sort.Slice(names, func(i, j int) bool { return before(names[i], names[j]) })
	line := []int{sizes[""]}
	for _, g := range names {
		line = append(line, sizes[g])
	}
	cells := Suppress([][]int{line}, least, false).Cells[0]
	small = map[string]bool{"": true}
	for i, g := range names {
		if cells[i+1].Hidden {
			small[g] = true
			continue
		}
		groups = append(groups, g)
	}
	if len(small) > 1 || sizes[""] > 0 {
		groups = append(groups, OtherGroups)
	}
	return groups, small
}

// before orders groups: places of options by number, names by letter.
func before(a, b string) bool {
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	if err1 == nil && err2 == nil {
		return x < y
	}
	return a < b
}

// add counts the answers of a person to a question. seen are the options this person was
// counted for.
func (t *tally) add(n *form.Node, seen map[int]bool, group string) {
	for _, a := range n.Answers {
		switch t.item.Type {
		case form.Choice, form.OpenChoice, form.Boolean:
			i := t.item.Chosen(a)
			if t.item.Type == form.Boolean {
				if i = 1; a.Value.Text() == "true" {
					i = 0
				}
				if len(t.options) < 3 {
					t.options = make([]int, 3)
				}
			} else if i < 0 {
				i = len(t.item.Options)
			}
			if seen[i] {
				continue
			}
			seen[i] = true
			t.options[i]++
			if t.byGroup[group] == nil {
				t.byGroup[group] = make([]int, len(t.options))
			}
			t.byGroup[group][i]++
		case form.Integer, form.Decimal:
			if x, err := strconv.ParseFloat(a.Value.Text(), 64); err == nil {
				t.numbers = append(t.numbers, x)
			}
		default: // told by how many answered
		}
	}
}

// told makes of what was counted what may be told.
func (t *tally) told(s *Survey, groups []string, together map[string]bool) Question {
	least := s.Plan.Least
	q := Question{LinkID: t.item.LinkID, Several: t.item.Repeats || repeated(t.item)}
	q.Answers = small(t.people, least)
	switch t.item.Type {
	case form.Choice, form.OpenChoice, form.Boolean:
		if len(t.options) == 0 || q.Answers.Hidden {
			return q
		}
		if q.Several {
			for _, n := range t.options {
				c := small(n, least)
				if small(t.people-n, least).Hidden { // those who did not choose it
					c = Cell{Hidden: true}
				}
				q.Options = append(q.Options, c)
			}
			return q
		}
		table := Suppress([][]int{t.options}, least, false)
		q.Options = table.Cells[0]
		if len(groups) < 2 || s.Plan.Group == t.item.LinkID {
			return q
		}
		rows := make([][]int, len(groups))
		for i := range groups {
			rows[i] = make([]int, len(t.options))
		}
		for g, counted := range t.byGroup {
			i := slices.Index(groups, g)
			if together[g] {
				i = len(groups) - 1
			}
			for j, n := range counted {
				rows[i][j] += n
			}
		}
		byGroup := Suppress(rows, least, true)
		q.Table = &byGroup
		q.Options = byGroup.Columns // the same numbers, hidden alike
		q.Answers = byGroup.All
	case form.Integer, form.Decimal:
		n := len(t.numbers)
		if n < least {
			return q
		}
		slices.Sort(t.numbers)
		at := func(p float64) *float64 {
			x := p * float64(n-1)
			i := int(x)
			v := t.numbers[i]
			if i+1 < n {
				v += (x - float64(i)) * (t.numbers[i+1] - v)
			}
			return &v
		}
		q.Median = at(0.5)
		if n >= 4*least {
			q.Low, q.High = at(0.25), at(0.75)
		}
	case form.String, form.Text:
		q.Texts = true
	default: // told by how many answered
	}
	return q
}

// repeated reports whether a question stands in a group that is answered several times.
func repeated(it *form.Item) bool {
	for up := it.Parent; up != nil; up = up.Parent {
		if up.Repeats {
			return true
		}
	}
	return false
}

func small(n, least int) Cell {
	if n > 0 && n < least {
		return Cell{Hidden: true}
	}
	return Cell{N: n}
}

// remember keeps what is told.
func (d *Desk) remember(ctx context.Context, s *Survey, r *Results) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into survey_result (site_id, survey_id, complete, day, results) values ($1, $2, $3, $4, $5)
			on conflict (site_id, survey_id) do update set complete = excluded.complete, day = excluded.day, results = excluded.results`, s.Site, s.ID, r.N, r.Day, string(text))
		return err
	})
}

// A Words is a free text.
type Words struct {
	Slot          int64
	LinkID, Words string // as they were typed
	State, Shown  string
	Suspect       string // why somebody should look twice: digits, mail, name; "" for nothing
	By            string
}

// States of a free text.
const (
	Waits    = "waits"
	Shown    = "shown"
	Withheld = "withheld"
)

// texts keeps the free texts of a complete answer apart from it.
func (d *Desk) texts(ctx context.Context, tx *db.Tx, sh *Sheet) (err error) {
	visit(sh.Session.Nodes, func(n *form.Node) {
		open := n.Item.Type == form.OpenChoice
		if n.Item.Type != form.String && n.Item.Type != form.Text && !open || n.Item.Calculated != nil {
			return
		}
		for _, a := range n.Answers {
			if open && n.Item.Chosen(a) >= 0 {
				continue
			}
			for done := int64(0); done == 0 && err == nil; {
				done, err = tx.Exec(ctx, `insert into survey_text (slot, site_id, survey_id, link_id, words, state) values ($1, $2, $3, $4, $5, 'waits') on conflict (slot) do nothing`,
					place(), sh.Survey.Site, sh.Survey.ID, n.Item.LinkID, a.Value.Text())
			}
		}
	})
	return err
}

// Texts returns the free texts of a survey, in the order of their random places. All are
// shown to whoever screens them, to others only what was let through, and nothing before
// a group is large enough.
func (d *Desk) Texts(ctx context.Context, siteID, id string, screening bool) ([]Words, error) {
	s, err := d.find(ctx, d.DB, siteID, id)
	if err != nil {
		return nil, err
	}
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (w Words, err error) {
		err = r.Scan(&w.Slot, &w.LinkID, &w.Words, &w.State, &w.Shown, &w.By)
		return w, err
	}, `select slot, link_id, words, state, shown, by from survey_text where site_id = $1 and survey_id = $2 order by link_id, slot`, siteID, id)
	if err != nil {
		return nil, err
	}
	c, err := d.counts(ctx, d.DB, &s)
	if err != nil || c.Complete < s.Plan.Least {
		return nil, err
	}
	if !screening {
		all = slices.DeleteFunc(all, func(w Words) bool { return w.State != Shown })
		for i := range all {
			all[i].Words, all[i].By = "", ""
		}
	}
	for i := range all {
		all[i].Suspect = suspect(all[i].Words)
	}
	return all, nil
}

// Screen lets a free text through, as it is or with what would tell of somebody taken
// out, or withholds it.
func (d *Desk) Screen(ctx context.Context, siteID, id string, slot int64, state, shown, by string) error {
	if state != Shown && state != Withheld {
		return fault.Errorf(fault.Invalid, "%s: %s or %s", cut(state), Shown, Withheld)
	}
	if !plain(shown, mostWords) || state == Shown && shown == "" {
		return fault.Errorf(fault.Invalid, "what is shown: plain text of at most %d bytes", mostWords)
	}
	if state == Withheld {
		shown = ""
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := d.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `update survey_text set state = $4, shown = $5, by = $6 where site_id = $1 and survey_id = $2 and slot = $3`, siteID, id, slot, state, shown, by)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "there is no such text")
		}
		return d.note(ctx, tx, &s, by, "survey.text.screened", map[string]any{"state": state})
	})
}

// suspect looks for what often tells who somebody is.
func suspect(s string) string {
	digits, names, word, start := 0, 0, false, true
	for _, r := range s {
		switch {
		case r == '@':
			return "mail"
		case r >= '0' && r <= '9':
			digits++
		}
		letter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r > 127
		upper := r >= 'A' && r <= 'Z'
		if upper && !word && !start {
			names++
		}
		if r == '.' || r == '!' || r == '?' || r == '\n' {
			start = true
		} else if letter {
			start = false
		}
		word = letter
	}
	switch {
	case digits >= 4:
		return "digits"
	case names > 0:
		return "name"
	}
	return ""
}
