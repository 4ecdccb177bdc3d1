package audit

import (
	"cmp"
	"context"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
)

// An Action is what is done about what an audit found.
type Action struct {
	ID     string
	Cause  string
	What   string
	Owner  string // account
	Due    string // day
	Done   string // day, "" while it is open
	Result string
}

// Report notes that the team saw the result, on a day, and what follows from it.
// Conflict: failed cases have no reason yet.
func (d *Desk) Report(ctx context.Context, siteID, by string, number int64, day, to, conclusion string) (Cycle, error) {
	if err := date("day", day); err != nil {
		return Cycle{}, err
	}
	if err := text("who saw it", to, maxShort, true); err != nil {
		return Cycle{}, err
	}
	if err := text("conclusion", conclusion, maxText, true); err != nil {
		return Cycle{}, err
	}
	return d.step(ctx, siteID, by, number, "audit.cycle.reported", []string{Analysed}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		all, err := d.cases(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		open := 0
		for i := range all {
			if all[i].Failed(c.Definition) && all[i].Reason == "" {
				open++
			}
		}
		if open > 0 {
			return nil, fault.Errorf(fault.Conflict, "%d failed cases have no reason yet: say why each failed before the report", open)
		}
		c.State, c.ReportedDay, c.ReportedTo, c.Conclusion = Reported, day, to, conclusion
		return map[string]any{"day": day}, nil
	})
}

// Act adds an action. Invalid: it has no owner or no due date.
func (d *Desk) Act(ctx context.Context, siteID, by string, number int64, a Action) (Action, error) {
	for _, f := range []struct{ what, value string }{{"cause", a.Cause}, {"action", a.What}} {
		if err := text(f.what, f.value, maxText, true); err != nil {
			return a, err
		}
	}
	if err := text("owner", a.Owner, maxShort, true); err != nil {
		return a, err
	}
	if err := date("due date", a.Due); err != nil {
		return a, err
	}
	a.ID, a.Done, a.Result = db.NewID(), "", ""
	_, err := d.step(ctx, siteID, by, number, "audit.action.added", []string{Reported, Acting, ReauditDue}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from audit_action where cycle_id = $1`, c.ID).Scan(&n); err != nil {
			return nil, err
		}
		if n >= maxActions {
			return nil, fault.Errorf(fault.Exhausted, "at most %d actions in one audit", maxActions)
		}
		if c.State == Reported {
			c.State = Acting
		}
		_, err := tx.Exec(ctx, `insert into audit_action (action_id, cycle_id, site_id, cause, what, owner, due_day, done_day, result) values ($1, $2, $3, $4, $5, $6, $7, '', '')`,
			a.ID, c.ID, siteID, a.Cause, a.What, a.Owner, a.Due)
		return map[string]any{"action": a.ID, "due": a.Due}, err
	})
	return a, err
}

// Done notes that an action was carried out. NotFound: the audit has none of that id.
func (d *Desk) Done(ctx context.Context, siteID, by string, number int64, action, day, result string) error {
	if err := date("day", day); err != nil {
		return err
	}
	if err := text("result", result, maxText, true); err != nil {
		return err
	}
	_, err := d.step(ctx, siteID, by, number, "audit.action.done", []string{Acting, ReauditDue, Reaudited}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		n, err := tx.Exec(ctx, `update audit_action set done_day = $1, result = $2 where action_id = $3 and cycle_id = $4 and done_day = ''`, day, result, action, c.ID)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "audit %d has no open action of that id", number)
		}
		return map[string]any{"action": action, "day": day}, err
	})
	return err
}

// Actions returns those of a cycle, the next due first.
func (d *Desk) Actions(ctx context.Context, c *Cycle) ([]Action, error) {
	return db.List(ctx, d.DB, scanAction, selectAction+` where cycle_id = $1 order by due_day, action_id`, c.ID)
}

const selectAction = `select action_id, cause, what, owner, due_day, done_day, result from audit_action`

func scanAction(r *db.Rows) (a Action, err error) {
	return a, r.Scan(&a.ID, &a.Cause, &a.What, &a.Owner, &a.Due, &a.Done, &a.Result)
}

// Await sets the day of the re-audit; "" is as many months after today as the template
// says. Conflict: nothing was done about what was found.
func (d *Desk) Await(ctx context.Context, siteID, by string, number int64, day string) (Cycle, error) {
	today, err := d.today(ctx, siteID)
	if err != nil {
		return Cycle{}, err
	}
	if day != "" {
		if err := date("re-audit", day); err != nil {
			return Cycle{}, err
		}
		if day < today {
			return Cycle{}, fault.Errorf(fault.Invalid, "re-audit: today or later")
		}
	}
	return d.step(ctx, siteID, by, number, "audit.reaudit.set", []string{Reported, Acting, ReauditDue}, func(_ *db.Tx, c *Cycle) (map[string]any, error) {
		if c.State == Reported && c.Result.Decision.Decision == NotMet {
			return nil, fault.Errorf(fault.Conflict, "the target was not met: name an action with owner and due date first")
		}
		if day == "" {
			on, _ := time.Parse(time.DateOnly, today)
			day = on.AddDate(0, c.Definition.Template.ReauditMonths, 0).Format(time.DateOnly)
		}
		c.State, c.ReauditDay = ReauditDue, day
		return map[string]any{"day": day}, nil
	})
}

// Reaudit begins the next cycle with the frozen definition of this one, on another
// window. Days left out are the window of the same length that ends today.
func (d *Desk) Reaudit(ctx context.Context, siteID, by string, number int64, from, until string) (Cycle, error) {
	old, err := d.Cycle(ctx, siteID, number)
	if err != nil {
		return old, err
	}
	if old.State != ReauditDue {
		return old, fault.Errorf(fault.Conflict, "audit %d is %s: it is audited again while it is %s", number, old.State, ReauditDue)
	}
	def := *old.Definition
	def.By, def.At = by, d.Now()
	if def.From, def.Until, err = d.shifted(ctx, siteID, old.Definition, from, until); err != nil {
		return old, err
	}
	if err := d.window(ctx, siteID, &def); err != nil {
		return old, err
	}
	again := Cycle{
		ID: db.NewID(), Site: siteID, Series: old.Series, Follows: old.ID, TemplateID: old.TemplateID, State: Defined, Lead: old.Lead,
		Record: Record{Title: old.Title, Reason: old.Reason, PlannedBy: by, PlannedAt: d.Now(), Definition: &def},
	}
	again.Year = d.Now().Year()
	_, err = d.step(ctx, siteID, by, number, "audit.cycle.reaudited", []string{ReauditDue}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		c.State = Reaudited
		if again.Number, err = next(ctx, tx, "audit_cycle", siteID); err != nil {
			return nil, err
		}
		if err := d.insert(ctx, tx, &again); err != nil {
			return nil, err
		}
		return map[string]any{"by": again.Number, "digest": def.Digest}, nil
	})
	return again, err
}

// shifted are the days of the next window. What is left out makes one as long as that of
// a definition, which ends today.
func (d *Desk) shifted(ctx context.Context, siteID string, def *Definition, from, until string) (first, last string, err error) {
	if until == "" {
		if until, err = d.today(ctx, siteID); err != nil {
			return "", "", err
		}
	}
	if from != "" {
		return from, until, nil
	}
	end, err := time.Parse(time.DateOnly, until)
	if err != nil {
		return "", "", date("last day", until)
	}
	a, _ := time.Parse(time.DateOnly, def.From) // both were read when they were frozen
	b, _ := time.Parse(time.DateOnly, def.Until)
	return end.Add(-b.Sub(a)).Format(time.DateOnly), until, nil
}

// Close ends a cycle. The one that was audited again is closed when that one met the
// target; otherwise it needs a reason, and so does a cycle that nobody audits again.
// Conflict: actions are open, or there is no action plan and no reason.
func (d *Desk) Close(ctx context.Context, siteID, by string, number int64, why string) (Cycle, error) {
	if err := text("reason", why, maxText, false); err != nil {
		return Cycle{}, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return Cycle{}, err
	}
	from := slices.DeleteFunc(States(), func(s string) bool { return s == Closed })
	return d.step(ctx, siteID, by, number, "audit.cycle.closed", from, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		if why == "" {
			if err := d.closable(ctx, tx, c); err != nil {
				return nil, err
			}
		}
		c.State, c.ClosedDay, c.ClosedBy, c.ClosedWhy = Closed, today, by, why
		return map[string]any{"reason": why != ""}, nil
	})
}

// closable refuses to close a cycle without a reason unless its target is met: by the
// cycle itself after its report, or by the one that audited it again.
func (*Desk) closable(ctx context.Context, tx *db.Tx, c *Cycle) error {
	var open int
	if err := tx.QueryRow(ctx, `select count(*) from audit_action where cycle_id = $1 and done_day = ''`, c.ID).Scan(&open); err != nil {
		return err
	}
	if open > 0 {
		return fault.Errorf(fault.Conflict, "%d actions are open: note that they were carried out, or close with a reason", open)
	}
	met := func(x *Cycle) bool {
		return x.Result != nil && x.Result.Decision.Decision == Met && x.ReportedDay != ""
	}
	if met(c) && c.State != Planned {
		return nil
	}
	all, err := db.List(ctx, tx, scanCycle, selectCycle+` where series_id = $1 and follows = $2`, c.Series, c.ID)
	if err != nil {
		return err
	}
	if len(all) == 1 && met(&all[0]) {
		return nil
	}
	return fault.Errorf(fault.Conflict, "audit %d: neither it nor its re-audit met the target with a report: close it with a reason, or go on", c.Number)
}

// A Reminder is something that falls due.
type Reminder struct {
	Site   string
	Kind   string // action, reaudit
	ID     string // of the action or the cycle
	Number int64  // of the audit
	Owner  string // account
	Due    string // day
	Left   int    // days until it is due, below 0 once it is over
	Today  bool   // it is due on this day or is over; otherwise it is to come
}

// Due returns the actions and re-audits that are due within the days of the content, or
// over, the first due first.
func (d *Desk) Due(ctx context.Context, siteID string) ([]Reminder, error) {
	s, err := d.Settings(siteID)
	if err != nil {
		return nil, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return nil, err
	}
	now, _ := time.Parse(time.DateOnly, today)
	last := now.AddDate(0, 0, s.RemindDays).Format(time.DateOnly)
	scan := func(kind string) func(*db.Rows) (Reminder, error) {
		return func(r *db.Rows) (m Reminder, err error) {
			m = Reminder{Site: siteID, Kind: kind}
			err = r.Scan(&m.ID, &m.Number, &m.Owner, &m.Due)
			m.Today = m.Due <= today
			if due, err := time.Parse(time.DateOnly, m.Due); err == nil {
				m.Left = int(due.Sub(now).Hours() / 24)
			}
			return m, err
		}
	}
	actions, err := db.List(ctx, d.DB, scan("action"), `select a.action_id, c.number, a.owner, a.due_day from audit_action a join audit_cycle c on c.cycle_id = a.cycle_id
		where a.site_id = $1 and a.due_day <= $2 and a.done_day = '' and c.state <> 'closed'`, siteID, last)
	if err != nil {
		return nil, err
	}
	again, err := db.List(ctx, d.DB, scan("reaudit"), `select cycle_id, number, lead, reaudit_day from audit_cycle
		where site_id = $1 and state = 'reaudit_due' and reaudit_day <> '' and reaudit_day <= $2`, siteID, last)
	if err != nil {
		return nil, err
	}
	all := append(actions, again...)
	slices.SortFunc(all, func(a, b Reminder) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Number, b.Number), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Remind tells people of what falls due. Who is told twice is for Tell to say.
func (d *Desk) Remind(ctx context.Context, siteID string) error {
	all, err := d.Due(ctx, siteID)
	if err != nil || d.Tell == nil || len(all) == 0 {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		for _, r := range all {
			if err := d.Tell(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// A Harmed is a failed case of a year without what names it.
type Harmed struct {
	Number   int64
	Template string
	Ordinal  int
	Harm     int
	Closed   bool // it has a reason
}

// Ranked returns the failed cases of a year, the most harmful first.
func (d *Desk) Ranked(ctx context.Context, siteID string, year int) ([]Harmed, error) {
	cycles, err := d.Cycles(ctx, siteID, year)
	if err != nil {
		return nil, err
	}
	var all []Harmed
	for i := range cycles {
		c := &cycles[i]
		if c.Result == nil {
			continue
		}
		cases, err := d.Cases(ctx, c)
		if err != nil {
			return nil, err
		}
		for j := range cases {
			if cases[j].Failed(c.Definition) {
				all = append(all, Harmed{c.Number, c.TemplateID, cases[j].Ordinal, cases[j].Harm, cases[j].Reason != ""})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Harmed) int {
		return cmp.Or(cmp.Compare(b.Harm, a.Harm), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return all, nil
}
