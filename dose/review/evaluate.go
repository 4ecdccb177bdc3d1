package review

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/finding"
)

// A CaseData is what the finding of a case holds besides what every finding has.
type CaseData struct {
	Machine      string   `json:"machine,omitempty"`
	Exam         string   `json:"exam,omitempty"`
	Day          string   `json:"day,omitempty"`
	Modality     string   `json:"modality,omitempty"`
	Weight       *float64 `json:"weight_kg,omitempty"`
	Region       string   `json:"region,omitempty"`
	Intervention string   `json:"intervention,omitempty"`
	Results      []Result `json:"results"`
	Level        *float64 `json:"level,omitempty"`
}

// judgeLease is how long a process that judges may be silent before another one does.
const judgeLease = time.Minute

// Always judges studies that have settled every minute, and all once a day, until ctx
// ends. Of several processes one judges at a time.
func (d *Desk) Always(ctx context.Context, siteID string) error {
	for ctx.Err() == nil {
		lease, err := d.DB.Lease(ctx, "dose.review", d.Holder, judgeLease)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it ended because it was told to
		case err != nil:
			return err
		}
		d.turns(lease.Context(), siteID)
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			d.Log.WarnContext(ctx, "dose: review: give back lease", "error", err)
		}
	}
	return nil
}

// turns takes turns until ctx ends. A failure is logged and tried again.
func (d *Desk) turns(ctx context.Context, siteID string) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := d.Turn(ctx, siteID); err != nil && ctx.Err() == nil {
			d.Log.ErrorContext(ctx, "dose: review", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Turn judges the studies of a site that have settled since it was called last, and,
// once a day, all.
func (d *Desk) Turn(ctx context.Context, siteID string) error {
	if err := d.Settled(ctx, siteID); err != nil {
		return err
	}
	var night string
	if err := d.DB.QueryRow(ctx, `select night from review_mark where site_id = $1`, siteID).Scan(&night); err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if night == d.Now().Format(time.DateOnly) {
		return nil
	}
	return d.Night(ctx, siteID)
}

// turnStudies is how many studies one turn judges at most.
const turnStudies = 500

// Settled judges the studies whose last object came long enough ago and whose doses
// are derived, from where it stopped on. Where a rebuild is under way it waits.
func (d *Desk) Settled(ctx context.Context, siteID string) error {
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return err
	}
	var upto, pending int64
	err = d.DB.QueryRow(ctx, `select upto from review_mark where site_id = $1`, siteID).Scan(&upto)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	cut := db.Millis(d.Now().Add(-s.Settle))
	err = d.DB.QueryRow(ctx, `select coalesce(min(s.received_at), 0) from dose_pending p join dose_source s
		on s.site_id = p.site_id and s.study_uid = p.study_uid where p.site_id = $1`, siteID).Scan(&pending)
	if err != nil {
		return err
	}
	if pending > 0 {
		cut = min(cut, pending-1)
	}
	type arrival struct {
		study string
		at    int64
	}
	studies, err := db.List(ctx, d.DB, func(r *db.Rows) (a arrival, err error) { return a, r.Scan(&a.study, &a.at) },
		`select study_uid, max(received_at) from dose_source where site_id = $1 and received_at > $2
		group by study_uid having max(received_at) <= $3 order by 2, 1 limit $4`, siteID, upto, cut, turnStudies)
	if err != nil || len(studies) == 0 {
		return err
	}
	for _, a := range studies {
		if err := d.Study(ctx, siteID, a.study); err != nil {
			return err
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into review_mark (site_id, upto, night) values ($1, $2, '')
			on conflict (site_id) do update set upto = excluded.upto`, siteID, studies[len(studies)-1].at)
		return err
	})
}

// Study judges the examinations of one study now.
func (d *Desk) Study(ctx context.Context, siteID, study string) error {
	if err := d.estimate(ctx, siteID, study); err != nil {
		return err
	}
	return d.judge(ctx, siteID, study)
}

// Night judges all examinations and groups of a site, unless doses are being derived:
// then the next turn does.
func (d *Desk) Night(ctx context.Context, siteID string) error {
	if n, err := d.Doses.Pending(ctx); err != nil || n > 0 {
		return err
	}
	if err := d.judge(ctx, siteID, ""); err != nil {
		return err
	}
	if err := d.groups(ctx, siteID); err != nil {
		return err
	}
	if err := d.drifts(ctx, siteID); err != nil {
		return err
	}
	if err := d.tally(ctx, siteID); err != nil {
		return err
	}
	if err := d.digest(ctx, siteID); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into review_mark (site_id, upto, night) values ($1, 0, $2)
			on conflict (site_id) do update set night = excluded.night`, siteID, d.Now().Format(time.DateOnly))
		return err
	})
}

// estimate keeps the peak dose to the skin of a study.
func (d *Desk) estimate(ctx context.Context, siteID, study string) error {
	if d.Skin == nil {
		return nil
	}
	var n int
	err := d.DB.QueryRow(ctx, `select count(*) from dose_examination where site_id = $1 and study_uid = $2 and modality = 'RF'`, siteID, study).Scan(&n)
	if err != nil || n == 0 {
		return err
	}
	gy, validity, ok, err := d.Skin(ctx, siteID, study)
	if err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if !ok || n > 1 { // a map is of a study, and tells nothing of its parts
			_, err := tx.Exec(ctx, `delete from review_skin where site_id = $1 and study_uid = $2`, siteID, study)
			return err
		}
		_, err := tx.Exec(ctx, `insert into review_skin (site_id, study_uid, gy, validity) values ($1, $2, $3, $4)
			on conflict (site_id, study_uid) do update set gy = excluded.gy, validity = excluded.validity`, siteID, study, gy, validity)
		return err
	})
}

// rules returns what a site judges by: the law of its own country alone, and none
// while nobody has said which that is.
func (d *Desk) rules(ctx context.Context, siteID string) ([]Rule, Scopes, error) {
	all, scopes, err := LoadRules(d.Content, siteID)
	if err != nil || d.Country == nil {
		return all, scopes, err
	}
	country, err := d.Country(ctx, siteID)
	return slices.DeleteFunc(all, func(r Rule) bool { return r.Country != "" && r.Country != country }), scopes, err
}

// judge derives the cases of a study, or of all.
func (d *Desk) judge(ctx context.Context, siteID, study string) error {
	rules, scopes, err := d.rules(ctx, siteID)
	if err != nil {
		return err
	}
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return err
	}
	rooms, err := d.Rooms(ctx, siteID)
	if err != nil {
		return err
	}
	scale, err := d.scaleOf(ctx, siteID, rules)
	if err != nil {
		return err
	}
	var all []*Facts
	load := func(tx *db.Tx) (err error) {
		all, err = d.facts(ctx, tx, askedFor{siteID, study, leastTriggers(rules)}, scopes, rooms)
		return err
	}
	diameters := map[string]*float64{}
	if study == "" || scale.diameter { // looking through everything keeps nobody from writing
		if err := d.DB.Read(ctx, load); err != nil {
			return err
		}
	}
	if scale.diameter {
		if err := d.sized(ctx, siteID, all); err != nil {
			return err
		}
		for _, f := range all {
			diameters[f.ID()] = f.Diameter
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if study != "" {
			if err := load(tx); err != nil {
				return err
			}
		}
		var found []opened
		for _, f := range all {
			if study != "" && f.Modality == "RF" {
				if err := d.weeks(ctx, tx, siteID, f, s.WindowDays); err != nil {
					return err
				}
			}
			f.Diameter = diameters[f.ID()]
			scale.administered(f)
			if study != "" {
				for _, r := range cumulative(rules) {
					if err := d.history(ctx, tx, siteID, f, r); err != nil {
						return err
					}
				}
			}
			results := JudgeAll(*f, rules)
			for _, set := range sortedKeys(results) {
				if c, ok := newCase(siteID, set, f, results[set], rules); ok {
					found = append(found, c)
				}
				if study != "" {
					if err := d.line(ctx, tx, siteID, s, f, results[set]); err != nil {
						return err
					}
				}
			}
		}
		return d.derive(ctx, tx, s, finding.Scope{Site: siteID, Rule: RuleCase, Part: study}, found)
	})
}

// An opened is a case as it derives.
type opened struct {
	finding.Derived
	Facts
	Case
}

// newCase makes a case of the results of a rule set, if one of them opens it.
func newCase(siteID, set string, f *Facts, results []Result, rules []Rule) (opened, bool) {
	top := -1
	c := opened{Facts: *f}
	for i, r := range results {
		if !r.Opens {
			continue
		}
		if top < 0 || r.Ratio > results[top].Ratio {
			top = i
		}
		c.Legal, c.Substantial = c.Legal || r.Legal, c.Substantial || r.Substantial
	}
	if top < 0 {
		return opened{}, false
	}
	r := results[top]
	data, err := json.Marshal(CaseData{
		Machine: f.Machine, Exam: f.Exam, Day: f.Day, Modality: f.Modality, Weight: f.Weight, Region: f.Region,
		Intervention: f.Intervention, Results: results,
	})
	if err != nil {
		return opened{}, false // of numbers that are none
	}
	c.Set, c.Case.Rule, c.Quantity, c.Ratio = set, r.Rule, r.Quantity, r.Ratio
	rule := ruleOf(rules, r.Rule)
	trigger := r.Trigger
	c.Derived = finding.Derived{
		Rule: RuleCase, Key: f.ID(),
		Subject: finding.Subject{Site: siteID, Room: f.Room, Machine: f.Machine, Exam: f.Exam, Quantity: r.Quantity, Object: f.ID()},
		Code:    r.Rule, Importance: urgency(c.Legal || c.Substantial, r.Ratio),
		Measured: finding.Measured{Value: r.Value, Unit: r.Unit, N: 1},
		Reference: finding.Reference{
			Value: &trigger, Unit: r.Unit, Set: set, Edition: rule.Ref.Edition, Digest: rule.Ref.Digest, Source: rule.Source,
		},
		Data: data,
	}
	return c, true
}

// urgency orders cases among findings: those of law and substantial dose before a
// level that is consistently exceeded, the others after it.
func urgency(first bool, ratio float64) float64 {
	if first {
		return 40 + min(ratio, 9)
	}
	return 15 + min(ratio, 4)
}

// ruleOf returns a rule by its id.
func ruleOf(rules []Rule, id string) Rule {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Rule{ID: id}
	}
	return rules[i]
}

// derive tells the register of findings, keeps the rows of the cases, and tells people
// of the new ones.
func (d *Desk) derive(ctx context.Context, tx *db.Tx, s Settings, scope finding.Scope, found []opened) error {
	all := make([]finding.Derived, len(found))
	for i, c := range found {
		all[i] = c.Derived
	}
	change, err := d.Findings.Derive(ctx, tx, scope, all, func(f finding.Derived) string {
		study, _, _ := strings.Cut(f.Subject.Object, "_")
		return study
	})
	if err != nil {
		return err
	}
	for _, id := range change.Withdrawn {
		if _, err := tx.Exec(ctx, `update review_case set withdrawn = $1 where case_id = $2`, true, id); err != nil {
			return err
		}
	}
	slices.SortStableFunc(found, func(a, b opened) int { return cmp.Compare(b.Ratio, a.Ratio) })
	for i := range found {
		if err := d.keep(ctx, tx, s, scope.Site, &found[i]); err != nil {
			return err
		}
	}
	return nil
}

// keep writes what derives of a case to its row, and begins it if it is new.
func (d *Desk) keep(ctx context.Context, tx *db.Tx, s Settings, siteID string, c *opened) error {
	id := c.Derived.ID()
	n, err := tx.Exec(ctx, `update review_case set machine_id = $1, exam_code = $2, day = $3, rule_id = $4, quantity = $5, ratio = $6,
		legal = $7, substantial = $8, withdrawn = $9 where case_id = $10`,
		c.Facts.Machine, c.Facts.Exam, c.Facts.Day, c.Case.Rule, c.Quantity, c.Ratio, c.Legal, c.Substantial, false, id)
	if err != nil || n > 0 {
		return err
	}
	err = tx.QueryRow(ctx, `select coalesce(max(number), 0) + 1 from review_case where site_id = $1`, siteID).Scan(&c.Number)
	if err != nil {
		return err
	}
	now := d.Now()
	told, err := d.tell(ctx, tx, s, siteID, c, now)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into review_case (case_id, site_id, number, rule_set, study_uid, examination, machine_id, exam_code, day,
		rule_id, quantity, ratio, legal, substantial, withdrawn, state, before_state, reason, words, owner, due, intervention, form, batch_id,
		snoozed_to, snoozed_why, opened_at, reviewed_at, closed_at, closed_by, told, told_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '', '', '', '', '', '', '{}', '', '', '', $17, 0, 0, '', $18, $17)`,
		id, siteID, c.Number, c.Set, c.Facts.Study, c.Facts.Key, c.Facts.Machine, c.Facts.Exam, c.Facts.Day,
		c.Case.Rule, c.Quantity, c.Ratio, c.Legal, c.Substantial, false, string(Open), db.Millis(now), told)
	return err
}

// groups derives the cases of groups: the mean of the last examinations of a kind on a
// machine beside a multiple of the level that governs them.
func (d *Desk) groups(ctx context.Context, siteID string) error {
	rules, scopes, err := d.rules(ctx, siteID)
	if err != nil {
		return err
	}
	rules = slices.DeleteFunc(rules, func(r Rule) bool { return !r.Group || r.Aggregation != MeanLast20 || !r.Opens() })
	if len(rules) == 0 {
		return nil
	}
	s, err := LoadSettings(d.Content, siteID)
	if err != nil {
		return err
	}
	rooms, err := d.Rooms(ctx, siteID)
	if err != nil {
		return err
	}
	dosed, err := dose.LoadSettings(d.Content, siteID)
	if err != nil {
		return err
	}
	var found []opened
	for _, modality := range []string{"CT", "RF", "NM", "MG"} {
		o, err := d.Doses.OverviewOf(ctx, siteID, modality, dose.Last(dosed.Period, d.Now()), rooms, access.Quality)
		if err != nil {
			return err
		}
		for _, r := range rules {
			found = append(found, groupsOf(siteID, o, r, scopes)...)
		}
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		return d.derive(ctx, tx, s, finding.Scope{Site: siteID, Rule: RuleGroup}, found)
	})
}

// groupsOf judges the rows of an overview by one rule, each machine for itself.
func groupsOf(siteID string, o *dose.Overview, rule Rule, scopes Scopes) []opened {
	if slices.Contains(rule.Exclude, o.Modality) {
		return nil
	}
	var all []opened
	seen := map[string]bool{}
	for _, row := range o.Rows {
		if row.Governing == nil || rule.Intervention != "" && scopes.Intervention(o.Modality, row.Exam, row.Room) != rule.Intervention {
			continue
		}
		values := map[string][]float64{}
		for _, i := range slices.Backward(slices.Collect(row.All())) { // the latest is first
			if i.Excluded == "" {
				values[i.Machine] = append(values[i.Machine], row.Contributed(i)...)
			}
		}
		for _, machine := range sortedKeys(values) {
			g := JudgeGroup(values[machine], row.Governing.Value, rule)
			c := groupCase(siteID, o, row, machine, g, rule)
			if g.Over && !seen[c.Derived.ID()] {
				seen[c.Derived.ID()] = true
				all = append(all, c)
			}
		}
	}
	return all
}

// groupCase makes a case of a group.
func groupCase(siteID string, o *dose.Overview, row *dose.Row, machine string, g GroupResult, rule Rule) opened {
	trigger := rule.Value * row.Governing.Value
	level := row.Governing.Value
	result := Result{
		Rule: rule.ID, Set: rule.Set, Quantity: string(row.Measure), Aggregation: rule.Aggregation, Value: g.Mean, Unit: row.Unit,
		Trigger: trigger, Ratio: g.Mean / trigger, Over: g.Over, Opens: g.Over, Status: rule.Status, Legal: rule.Legal,
	}
	data, err := json.Marshal(CaseData{Machine: machine, Exam: row.Exam, Day: o.To, Modality: o.Modality, Results: []Result{result}, Level: &level})
	if err != nil {
		data = nil
	}
	c := opened{Facts: Facts{Machine: machine, Room: row.Room, Exam: row.Exam, Day: o.To}}
	c.Set, c.Case.Rule, c.Quantity, c.Ratio, c.Legal = rule.Set, rule.ID, string(row.Measure), result.Ratio, rule.Legal
	c.Derived = finding.Derived{
		Rule: RuleGroup,
		Key:  strings.Join([]string{machine, row.Exam, row.Indication, row.Group.Name, string(row.Measure)}, " "),
		Subject: finding.Subject{
			Site: siteID, Room: row.Room, Machine: machine, Exam: row.Exam, Indication: row.Indication, Group: row.Group.Name, Quantity: string(row.Measure),
		},
		Code: rule.ID, Importance: urgency(rule.Legal, result.Ratio),
		Measured: finding.Measured{Value: g.Mean, Unit: row.Unit, N: g.N},
		Reference: finding.Reference{
			Value: &trigger, Unit: row.Unit, Set: rule.Set, Edition: rule.Ref.Edition, Digest: rule.Ref.Digest, Source: rule.Source,
		},
		Data: data,
	}
	return c
}
