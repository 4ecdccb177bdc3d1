package archive

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// What has been kept long enough. A rule is content; which rules govern is a decision of
// the site. Every night the studies are listed for which the time of every rule that
// covers them is over; nothing goes by that. Somebody looks at the list and approves, and
// then it goes as what is deleted by hand does: with a time in which it can be undone,
// and not at all while it is held.

// A RetentionRule says how long studies are kept at least. It covers a study if one of its
// series has one of the modalities and the age of the patient at the time of the study
// fits; an age that nobody knows fits.
type RetentionRule struct {
	ID         string
	Modalities []string // nil: any
	FromAge    int      // in years; 0 for none
	BelowAge   int      // in years; 0 for none
	Years      int      // after the day of the study, or the last one
	LastRecord bool     // count from the last study of the patient instead of this one
	UntilAge   int      // in any case until this birthday; 0 for none
}

// Retention is what a site's studies are judged by.
type Retention struct {
	Rules []RetentionRule // all that the content has; those govern that the site says
	Today string          // at the site, YYYYMMDD
	Alone bool            // one person suffices to approve; otherwise a second one has to agree
	// Same returns every identifier of a person, its own included; nil: each person has one.
	Same func(ctx context.Context, q db.Querier, site, person string) ([]string, error)
}

// A Governs is the decision that a rule holds at a site.
type Governs struct {
	Rule, Reason, Actor string
	Years               int // at least; 0 for as the rule says
	At                  time.Time
}

// maxYears bounds what a site may ask for.
const maxYears = 1000

// Govern has a rule hold at a site, for at least so many years if the rule says fewer, and
// journals it. Invalid: no rule, no reason, or no such number of years.
func (a *Archive) Govern(ctx context.Context, site, rule string, years int, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason || rule == "" || years < 0 || years > maxYears {
		return fault.Errorf(fault.Invalid, "a rule of retention needs its id, a reason of at most %d bytes and at most %d years", maxReason, maxYears)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into retention_rule (site_id, rule, years, reason, actor, at_ms) values ($1, $2, $3, $4, $5, $6)
			on conflict (site_id, rule) do update set years = excluded.years, reason = excluded.reason, actor = excluded.actor, at_ms = excluded.at_ms`,
			site, rule, years, reason, actorOf(ctx), db.Millis(a.Now()))
		if err != nil {
			return err
		}
		return a.retains(ctx, tx, site, "archive.retention.governed", rule, map[string]any{"years": years})
	})
}

// Ungovern ends that. What was listed by the rule is listed no more. NotFound: it does not
// govern.
func (a *Archive) Ungovern(ctx context.Context, site, rule string) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from retention_rule where site_id = $1 and rule = $2`, site, rule)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "this rule does not govern")
		}
		if err != nil {
			return err
		}
		// A study that other rules cover, too, is listed again by them in the next night.
		if _, err := tx.Exec(ctx, `delete from retention_due where site_id = $1 and rule = $2`, site, rule); err != nil {
			return err
		}
		return a.retains(ctx, tx, site, "archive.retention.ended", rule, nil)
	})
}

// retains journals a decision about retention.
func (a *Archive) retains(ctx context.Context, tx *db.Tx, site, kind, subject string, data map[string]any) error {
	e := journal.Entry{Site: site, Actor: actorOf(ctx), Kind: kind, Subject: subject}
	if data != nil {
		e.Data = encode(data)
	}
	return a.Journal.Append(ctx, tx, e)
}

// Governing returns the rules that hold at a site.
func (a *Archive) Governing(ctx context.Context, site string) ([]Governs, error) {
	return governs(ctx, a.DB, site)
}

func governs(ctx context.Context, q db.Querier, site string) ([]Governs, error) {
	return db.List(ctx, q, func(r *db.Rows) (g Governs, err error) {
		var at int64
		err = r.Scan(&g.Rule, &g.Years, &g.Reason, &g.Actor, &at)
		g.At = db.FromMillis(at)
		return g, err
	}, `select rule, years, reason, actor, at_ms from retention_rule where site_id = $1 order by rule`, site)
}

// governing returns the rules that hold at a site, with the years that it asks for.
// Invalid: the content has one of them no more.
func governing(ctx context.Context, q db.Querier, site string, r Retention) ([]RetentionRule, error) {
	said, err := governs(ctx, q, site)
	var all []RetentionRule
	for _, g := range said {
		i := slices.IndexFunc(r.Rules, func(rule RetentionRule) bool { return rule.ID == g.Rule })
		if i < 0 { // what it covered, another rule may let go too early
			return nil, fault.Errorf(fault.Invalid, "retention: rule %s governs and is not in the content: bring it back, or end it", g.Rule)
		}
		rule := r.Rules[i]
		rule.Years = max(rule.Years, g.Years)
		all = append(all, rule)
	}
	return all, err
}

// A judged is what is known of a study whose time may be over.
type judged struct {
	id, uid, day, birth string // days as YYYYMMDD; birth "" if nobody knows
	modalities          []string
}

// retainBatch is how many studies are looked at at once.
const retainBatch = 500

const fromJudged = `select id, study_uid, study_date, received_at, patient_birth_date, modalities from study `

func scanJudged(r *db.Rows) (j judged, err error) {
	var received int64
	var modalities string
	err = r.Scan(&j.id, &j.uid, &j.day, &received, &j.birth, &modalities)
	j.modalities = strings.FieldsFunc(modalities, func(c rune) bool { return c == '\\' })
	j.day = dayOr(j.day, received)
	if _, ok := parseDay(j.birth); !ok {
		j.birth = ""
	}
	return j, err
}

const dayForm = "20060102"

func parseDay(day string) (time.Time, bool) {
	t, err := time.Parse(dayForm, day)
	return t, err == nil
}

// dayOr returns a day, or the one of the receipt if it is none.
func dayOr(day string, received int64) string {
	if _, ok := parseDay(day); ok {
		return day
	}
	return db.FromMillis(received).UTC().Format(dayForm)
}

// yearsLater returns the day so many years later; the 29th of February becomes the 1st of
// March.
func yearsLater(day string, years int) string {
	t, ok := parseDay(day)
	if !ok {
		return ""
	}
	return t.AddDate(years, 0, 0).Format(dayForm)
}

// covers reports whether a rule covers a study.
func (r RetentionRule) covers(j judged) bool {
	if r.Modalities != nil && !slices.ContainsFunc(j.modalities, func(m string) bool { return slices.Contains(r.Modalities, m) }) {
		return false
	}
	if j.birth == "" {
		return true
	}
	return (r.FromAge == 0 || yearsLater(j.birth, r.FromAge) <= j.day) && (r.BelowAge == 0 || yearsLater(j.birth, r.BelowAge) > j.day)
}

// until returns the last day of a study by a rule, last being the day of the patient's
// last one. If nobody knows when the patient was born, it may have been on the day of the
// study.
func (r RetentionRule) until(j judged, last string) string {
	from := j.day
	if r.LastRecord {
		from = max(from, last)
	}
	until := yearsLater(from, r.Years)
	if r.UntilAge > 0 {
		born := j.birth
		if born == "" {
			born = j.day
		}
		until = max(until, yearsLater(born, r.UntilAge))
	}
	return until
}

// A dueStudy is a study of which the time is over.
type dueStudy struct{ uid, rule, until string }

// over returns the rule that covers a study longest and its last day, and whether that is
// over. A study that no rule covers is kept.
func (a *Archive) over(ctx context.Context, q db.Querier, site string, r Retention, rules []RetentionRule, j judged) (dueStudy, bool, error) {
	d := dueStudy{uid: j.uid}
	rules = slices.DeleteFunc(slices.Clone(rules), func(rule RetentionRule) bool { return !rule.covers(j) })
	last := j.day
	for _, rule := range rules {
		if rule.LastRecord && rule.until(j, j.day) < r.Today {
			var err error
			if last, err = a.lastDay(ctx, q, site, j, r); err != nil {
				return d, false, err
			}
			break
		}
	}
	for _, rule := range rules {
		if until := rule.until(j, last); until > d.until {
			d.rule, d.until = rule.ID, until
		}
	}
	return d, d.until != "" && d.until < r.Today, nil
}

// lastDay returns the day of the last study of whom a study is about.
func (a *Archive) lastDay(ctx context.Context, q db.Querier, site string, j judged, r Retention) (string, error) {
	text := func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }
	persons, err := db.List(ctx, q, text, `select person from study_person where study = $1`, j.id)
	if err != nil {
		return "", err
	}
	last := j.day
	for _, one := range persons {
		all := []string{one}
		if r.Same != nil {
			if all, err = r.Same(ctx, q, site, one); err != nil {
				return "", err
			}
		}
		for _, person := range all {
			days, err := db.List(ctx, q, func(r *db.Rows) (string, error) {
				var day string
				var received int64
				err := r.Scan(&day, &received)
				return dayOr(day, received), err
			}, `select study.study_date, study.received_at from study_person join study on study.id = study_person.study
				where study_person.site_id = $1 and study_person.person = $2`, site, person)
			if err != nil {
				return "", err
			}
			for _, day := range days {
				last = max(last, day)
			}
		}
	}
	return last, nil
}

// FindDue makes the list of studies anew of which the time is over, and returns how many
// there are and how many of them are new. What somebody decided to keep is not in it.
func (a *Archive) FindDue(ctx context.Context, site string, r Retention) (all, fresh int, err error) {
	rules, err := governing(ctx, a.DB, site, r)
	if err != nil {
		return 0, 0, err
	}
	found := map[string]dueStudy{}
	if len(rules) > 0 {
		if found, err = a.findDue(ctx, site, r, rules); err != nil {
			return 0, 0, err
		}
	}
	was, err := db.List(ctx, a.DB, scanDue, `select study_uid, rule, until_day from retention_due where site_id = $1`, site)
	if err != nil {
		return 0, 0, err
	}
	all, fresh = len(found), len(found)
	var gone []dueStudy
	for _, d := range was {
		if now, still := found[d.uid]; still {
			fresh--
			if now == d {
				delete(found, d.uid)
			}
		} else {
			gone = append(gone, d)
		}
	}
	return all, fresh, a.list(ctx, site, all, fresh, gone, found)
}

func scanDue(r *db.Rows) (d dueStudy, err error) { return d, r.Scan(&d.uid, &d.rule, &d.until) }

// findDue looks at every study old enough.
func (a *Archive) findDue(ctx context.Context, site string, r Retention, rules []RetentionRule) (map[string]dueStudy, error) {
	least := slices.MinFunc(rules, func(x, y RetentionRule) int { return x.Years - y.Years }).Years
	before := yearsLater(r.Today, -least)
	day, ok := parseDay(before)
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "retention needs a day")
	}
	found := map[string]dueStudy{}
	for after := ""; ; {
		page, err := db.List(ctx, a.DB, scanJudged, fromJudged+`where site_id = $1 and id > $2 and (study_date <> '' and study_date <= $3 or received_at < $4)
			and not exists (select 1 from retention_keep where retention_keep.site_id = study.site_id and retention_keep.study_uid = study.study_uid)
			order by id limit $5`, site, after, before, db.Millis(day.AddDate(0, 0, 2)), retainBatch)
		if err != nil || len(page) == 0 {
			return found, err
		}
		for _, j := range page {
			after = j.id
			d, over, err := a.over(ctx, a.DB, site, r, rules, j)
			if err != nil {
				return nil, err
			}
			if over {
				found[d.uid] = d
			}
		}
	}
}

// list writes what has changed in the list.
func (a *Archive) list(ctx context.Context, site string, all, fresh int, gone []dueStudy, found map[string]dueStudy) error {
	if len(gone) == 0 && len(found) == 0 {
		return nil
	}
	for part := range slices.Chunk(gone, retainBatch) {
		err := a.DB.Write(ctx, func(tx *db.Tx) error {
			for _, d := range part {
				if _, err := tx.Exec(ctx, `delete from retention_due where site_id = $1 and study_uid = $2`, site, d.uid); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	// What is written twice, because the process ended before all was, is the same.
	for part := range slices.Chunk(slices.Collect(maps.Values(found)), retainBatch) {
		err := a.DB.Write(ctx, func(tx *db.Tx) error {
			for _, d := range part {
				_, err := tx.Exec(ctx, `insert into retention_due (site_id, study_uid, rule, until_day, noted_ms) values ($1, $2, $3, $4, $5)
					on conflict (site_id, study_uid) do update set rule = excluded.rule, until_day = excluded.until_day, proposed_by = '', proposed_why = '', proposed_ms = 0`,
					site, d.uid, d.rule, d.until, db.Millis(a.Now()))
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		return a.retains(ctx, tx, site, "archive.retention.listed", site, map[string]any{"due": all, "new": fresh, "no_more": len(gone)})
	})
}

// A DueStudy is a study of which the time is over.
type DueStudy struct {
	Study, Rule, Until string // Until is the last day it had to be kept
	Day                string // of the study
	Modalities         []string
	Objects, Bytes     int64
	Noted              time.Time
	Held               bool // it goes in no way while it is held
	// Who said first that it may go, why and when; "" and the zero time if nobody did.
	ProposedBy, ProposedWhy string
	Proposed                time.Time
}

// Due returns studies of which the time is over, those first that are over for longest, at
// most limit, and how many there are.
func (a *Archive) Due(ctx context.Context, site string, limit int) ([]DueStudy, int64, error) {
	var n int64
	err := a.DB.QueryRow(ctx, `select count(*) from retention_due join study on study.site_id = retention_due.site_id and study.study_uid = retention_due.study_uid
		where retention_due.site_id = $1`, site).Scan(&n)
	if err != nil {
		return nil, 0, err
	}
	list, err := db.List(ctx, a.DB, func(r *db.Rows) (d DueStudy, err error) {
		var received, noted, held, proposed int64
		var modalities string
		err = r.Scan(&d.Study, &d.Rule, &d.Until, &noted, &d.Day, &received, &modalities, &d.Objects, &d.Bytes, &held, &d.ProposedBy, &d.ProposedWhy, &proposed)
		d.Modalities = strings.FieldsFunc(modalities, func(c rune) bool { return c == '\\' })
		d.Day, d.Noted, d.Held, d.Proposed = dayOr(d.Day, received), db.FromMillis(noted), held > 0, db.FromMillis(proposed)
		return d, err
	}, `select due.study_uid, due.rule, due.until_day, due.noted_ms, study.study_date, study.received_at, study.modalities, study.instance_count, study.size_bytes,
		`+held("study.site_id", "study.study_uid")+`,
		due.proposed_by, due.proposed_why, due.proposed_ms
		from retention_due due join study on study.site_id = due.site_id and study.study_uid = due.study_uid
		where due.site_id = $1 order by due.until_day, due.study_uid limit $2`, site, limit)
	return list, n, err
}

// mostDue is how many studies one approval may name.
const mostDue = 200

// An Approval says what came of one.
type Approval struct {
	Gone  []Deletion
	Waits []string         // studies that a second person has to agree to
	Stay  map[string]error // why others stay, by study
}

// Approve deletes studies of the list, with a reason, as Delete does: at once where one
// person suffices, and otherwise what somebody else has approved before; what nobody has,
// or the same person, waits for a second one. Each is judged once more: what was listed and
// is no longer due, as the patient came again since, stays, and so does what is held.
// Invalid: no reason, nothing or too much named.
func (a *Archive) Approve(ctx context.Context, site string, r Retention, studies []uid.UID, reason string) (Approval, error) {
	made := Approval{Stay: map[string]error{}}
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason || len(studies) == 0 || len(studies) > mostDue {
		return made, fault.Errorf(fault.Invalid, "an approval names 1 to %d studies and a reason of at most %d bytes", mostDue, maxReason)
	}
	if _, err := governing(ctx, a.DB, site, r); err != nil {
		return made, err
	}
	for _, study := range studies {
		d, err := a.approve(ctx, site, r, study, reason)
		switch {
		case err == nil && d.ID == "":
			made.Waits = append(made.Waits, study.String())
		case err == nil:
			made.Gone = append(made.Gone, d)
		case ctx.Err() != nil:
			return made, err
		default:
			made.Stay[study.String()] = err
		}
	}
	return made, nil
}

// approve deletes one study of the list, or notes that it may go: then the deletion has no
// id. It is judged in the transaction that does it, so that nothing comes in between.
func (a *Archive) approve(ctx context.Context, site string, r Retention, study uid.UID, reason string) (Deletion, error) {
	_, first, err := a.judge(ctx, a.DB, site, r, study)
	if err != nil {
		return Deletion{}, err
	}
	if !r.Alone && (first == "" || first == actorOf(ctx)) {
		return Deletion{}, a.propose(ctx, site, r, study, reason)
	}
	all := func(Instance) bool { return true }
	del := Deletion{Cause: ByRetention, Reason: reason, Level: "study", Due: a.Now().Add(a.Grace)}
	var due dueStudy
	return a.take(ctx, site, Target{Study: study}, all, del, func(tx *db.Tx) (err error) {
		now := ""
		if due, now, err = a.judge(ctx, tx, site, r, study); err == nil && now != first {
			err = fault.Errorf(fault.Conflict, "study %s was listed anew meanwhile", study)
		}
		return err
	}, func(tx *db.Tx, del Deletion) error {
		if _, err := tx.Exec(ctx, `delete from retention_due where site_id = $1 and study_uid = $2`, site, study.String()); err != nil {
			return err
		}
		return a.retains(ctx, tx, site, "archive.retention.approved", study.String(),
			map[string]any{"study": study.String(), "rule": due.rule, "until": due.until, "deletion": del.ID, "proposed_by": first})
	})
}

// judge returns by which rule a study of the list is due, and who said so first, "" if
// nobody did. Conflict: it is not on the list, or not due any more.
func (a *Archive) judge(ctx context.Context, q db.Querier, site string, r Retention, study uid.UID) (due dueStudy, first string, err error) {
	rules, err := governing(ctx, q, site, r)
	if err != nil {
		return due, "", err
	}
	was, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select proposed_by from retention_due where site_id = $1 and study_uid = $2`, site, study.String())
	if err != nil {
		return due, "", err
	}
	now, err := db.List(ctx, q, scanJudged, fromJudged+`where site_id = $1 and study_uid = $2
		and not exists (select 1 from retention_keep where retention_keep.site_id = study.site_id and retention_keep.study_uid = study.study_uid)`, site, study.String())
	if err != nil {
		return due, "", err
	}
	if len(was) == 0 || len(now) == 0 {
		return due, "", fault.Errorf(fault.Conflict, "study %s is not on the list", study)
	}
	due, over, err := a.over(ctx, q, site, r, rules, now[0])
	if err == nil && !over {
		err = fault.Errorf(fault.Conflict, "study %s is not due any more", study)
	}
	return due, was[0], err
}

// propose notes that somebody says that a study may go.
func (a *Archive) propose(ctx context.Context, site string, r Retention, study uid.UID, reason string) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		d, _, err := a.judge(ctx, tx, site, r, study)
		if err != nil {
			return err
		}
		if err := a.unheld(ctx, tx, site, study.String()); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `update retention_due set proposed_by = $3, proposed_why = $4, proposed_ms = $5
			where site_id = $1 and study_uid = $2 and proposed_by in ('', $3)`, site, study.String(), actorOf(ctx), reason, db.Millis(a.Now()))
		if err == nil && n == 0 {
			err = fault.Errorf(fault.Conflict, "somebody else decided about study %s meanwhile", study)
		}
		if err != nil {
			return err
		}
		return a.retains(ctx, tx, site, "archive.retention.proposed", study.String(), map[string]any{"study": study.String(), "rule": d.rule, "until": d.until})
	})
}

// A KeptStudy is a study that somebody decided to keep, whatever the rules say.
type KeptStudy struct {
	Study, Reason, Actor string
	At                   time.Time
}

// KeepStudy has a study be kept whatever the rules say, and takes it off the list. NotFound:
// there is no such study. Invalid: no reason.
func (a *Archive) KeepStudy(ctx context.Context, site string, study uid.UID, reason string) error {
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > maxReason {
		return fault.Errorf(fault.Invalid, "keeping a study needs a reason of at most %d bytes", maxReason)
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		n, person := 0, ""
		if err := tx.QueryRow(ctx, `select count(*), coalesce(min(person), '') from study where site_id = $1 and study_uid = $2`, site, study.String()).Scan(&n, &person); err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no study %s", study)
		}
		_, err := tx.Exec(ctx, `insert into retention_keep (site_id, study_uid, reason, actor, at_ms) values ($1, $2, $3, $4, $5)
			on conflict (site_id, study_uid) do update set reason = excluded.reason, actor = excluded.actor, at_ms = excluded.at_ms`,
			site, study.String(), reason, actorOf(ctx), db.Millis(a.Now()))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from retention_due where site_id = $1 and study_uid = $2`, site, study.String()); err != nil {
			return err
		}
		e := journal.Entry{Site: site, Actor: actorOf(ctx), Kind: "archive.retention.kept", Subject: study.String(), Person: person, Data: encode(map[string]any{"study": study.String()})}
		if person != "" {
			e.Payload = encode(map[string]any{"reason": reason})
		}
		return a.Journal.Append(ctx, tx, e)
	})
}

// UnkeepStudy lets the rules speak again. NotFound: nobody decided to keep it.
func (a *Archive) UnkeepStudy(ctx context.Context, site string, study uid.UID) error {
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from retention_keep where site_id = $1 and study_uid = $2`, site, study.String())
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "nobody decided to keep study %s", study)
		}
		if err != nil {
			return err
		}
		return a.retains(ctx, tx, site, "archive.retention.released", study.String(), map[string]any{"study": study.String()})
	})
}

// KeptStudies returns the studies that somebody decided to keep, the latest first.
func (a *Archive) KeptStudies(ctx context.Context, site string, limit int) ([]KeptStudy, error) {
	return db.List(ctx, a.DB, func(r *db.Rows) (k KeptStudy, err error) {
		var at int64
		err = r.Scan(&k.Study, &k.Reason, &k.Actor, &at)
		k.At = db.FromMillis(at)
		return k, err
	}, `select study_uid, reason, actor, at_ms from retention_keep where site_id = $1 order by at_ms desc, study_uid limit $2`, site, limit)
}
