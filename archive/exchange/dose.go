package exchange

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/job"
)

// A DoseRule asks a peer each night what was examined the day before, and fetches what
// doses are read from: reports, and where there is none one instance for each
// irradiation event.
type DoseRule struct {
	ID, Site, Name string
	Active         bool
	Peer           string
	Modality       []string
	Minute         int    // of the day in the site's zone from which it asks about the day before
	Asked          string // the last day that was asked about, YYYYMMDD; "" before the first
	Studies        int64  // found on that day
	Reason, Detail string // why it does not get on
	DecidedBy      string
	Decided        time.Time
}

const doseJob = "exchange.dose.ask"

// mostDaysBack is how many days are caught up on after the program was not running.
const mostDaysBack = 31

// check says what cannot be of a rule.
func (r *DoseRule) check() error {
	switch {
	case r.Site == "" || r.Name == "" || len(r.Name) > 100:
		return fault.Errorf(fault.Invalid, "dose rule: a name of at most 100 characters is needed")
	case r.Peer == "":
		return fault.Errorf(fault.Invalid, "dose rule: it names no peer to ask")
	case len(r.Modality) == 0 || len(r.Modality) > 20:
		return fault.Errorf(fault.Invalid, "dose rule: 1 to 20 modalities are needed")
	case r.Minute < 0 || r.Minute >= 24*60:
		return fault.Errorf(fault.Invalid, "dose rule: the hour is between 00:00 and 23:59")
	}
	for i, m := range r.Modality {
		if r.Modality[i] = strings.TrimSpace(m); r.Modality[i] == "" || len(m) > 16 || strings.ContainsAny(m, `,\*?`) {
			return fault.Errorf(fault.Invalid, "dose rule: a modality is empty, too long or holds a comma")
		}
	}
	return nil
}

const columnsDose = `id, site_id, name, active, peer, modality, minute, asked_day, studies, reason, detail, decided_by, decided_ms`

func scanDose(r *db.Rows) (u DoseRule, err error) {
	var modality string
	var decided int64
	err = r.Scan(&u.ID, &u.Site, &u.Name, &u.Active, &u.Peer, &modality, &u.Minute, &u.Asked, &u.Studies, &u.Reason, &u.Detail, &u.DecidedBy, &decided)
	u.Modality, u.Decided = split(modality), db.FromMillis(decided)
	return u, err
}

// DoseRules returns the dose rules of a site by name.
func (x *Exchange) DoseRules(ctx context.Context, site string) ([]DoseRule, error) {
	return db.List(ctx, x.DB, scanDose, `select `+columnsDose+` from exchange_dose_rule where site_id = $1 order by name, id`, site)
}

// SetDoseRule adds a rule, or changes the one with its ID, on behalf of by. It is
// Invalid for one that cannot be and NotFound for an ID that is not known.
func (x *Exchange) SetDoseRule(ctx context.Context, by string, r DoseRule) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	id := r.ID
	if id == "" {
		id = db.NewID()
	}
	return id, x.DB.Write(ctx, func(tx *db.Tx) error {
		args := []any{id, r.Site, r.Name, r.Active, r.Peer, strings.Join(r.Modality, ","), r.Minute, by, db.Millis(x.Now())}
		text := `insert into exchange_dose_rule (` + columnsDose + `) values ($1,$2,$3,$4,$5,$6,$7,'',0,'','',$8,$9)`
		if r.ID != "" {
			text = `update exchange_dose_rule set name = $3, active = $4, peer = $5, modality = $6, minute = $7, reason = '', detail = '', decided_by = $8, decided_ms = $9 where id = $1 and site_id = $2`
		}
		n, err := tx.Exec(ctx, text, args...)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "no such rule")
		}
		if err != nil {
			return err
		}
		return x.note(ctx, tx, r.Site, by, "exchange.doserule.changed", id, map[string]any{"name": r.Name, "peer": r.Peer, "active": r.Active, "modality": r.Modality})
	})
}

// RemoveDoseRule forgets a rule on behalf of by. What it began goes on.
func (x *Exchange) RemoveDoseRule(ctx context.Context, by, site, id string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from exchange_dose_rule where id = $1 and site_id = $2`, id, site)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "no such rule")
		}
		if err != nil {
			return err
		}
		return x.note(ctx, tx, site, by, "exchange.doserule.removed", id, nil)
	})
}

// due returns the day that a rule has to ask about next, "" if none. What was missed
// is caught up on.
func (r DoseRule) due(local time.Time) string {
	if local.Hour()*60+local.Minute() < r.Minute {
		local = local.AddDate(0, 0, -1)
	}
	last := local.AddDate(0, 0, -1).Format(dayLayout) // the day before
	asked, err := time.Parse(dayLayout, r.Asked)
	switch {
	case err != nil:
		return last
	case r.Asked >= last:
		return ""
	}
	return max(asked.AddDate(0, 0, 1).Format(dayLayout), local.AddDate(0, 0, -mostDaysBack).Format(dayLayout))
}

// Nightly adds the jobs of the dose rules that are due.
func (x *Exchange) Nightly(ctx context.Context) error {
	rules, err := db.List(ctx, x.DB, scanDose, `select `+columnsDose+` from exchange_dose_rule where active = $1`, true)
	if err != nil || x.Source == nil {
		return err
	}
	for _, r := range rules {
		zone, err := x.Zone(ctx, r.Site)
		if err != nil {
			return err
		}
		if r.Reason != "" || r.due(x.Now().In(zone)) == "" { // where it has trouble, its job is there already
			continue
		}
		if err := x.DB.Write(ctx, func(tx *db.Tx) error { return x.queueDose(ctx, tx, r, time.Time{}) }); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) queueDose(ctx context.Context, tx *db.Tx, r DoseRule, when time.Time) error {
	args, err := json.Marshal(map[string]string{"id": r.ID})
	if err != nil {
		return err
	}
	return x.Jobs.Add(ctx, tx, job.Job{Site: r.Site, Kind: doseJob, Key: r.ID, Args: args, RunAt: when})
}

// askDoses is the job of a dose rule: it asks about one day.
func (x *Exchange) askDoses(ctx context.Context, j job.Job) error {
	var args struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(j.Args, &args); err != nil {
		return fault.As(fault.Invalid, err)
	}
	list, err := db.List(ctx, x.DB, scanDose, `select `+columnsDose+` from exchange_dose_rule where site_id = $1 and id = $2`, j.Site, args.ID)
	if err != nil || len(list) == 0 || !list[0].Active {
		return err
	}
	r := list[0]
	zone, err := x.Zone(ctx, r.Site)
	if err != nil {
		return err
	}
	day := r.due(x.Now().In(zone))
	if day == "" {
		return nil
	}
	studies, err := x.dosed(ctx, r, day)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		return x.DB.Write(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `update exchange_dose_rule set reason = $2, detail = $3 where id = $1`, r.ID, Why(err), said(err)); err != nil {
				return err
			}
			return x.queueDose(ctx, tx, r, x.Now().Add(dosePause))
		})
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		for _, u := range studies {
			if err := x.addFetch(ctx, tx, Fetch{Site: r.Site, Peer: r.Peer, Study: u, Part: Doses, Source: r.ID, By: "system:exchange"}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `update exchange_dose_rule set asked_day = $2, studies = $3, reason = '', detail = '' where id = $1`, r.ID, day, len(studies)); err != nil {
			return err
		}
		return x.note(ctx, tx, r.Site, "system:exchange", "exchange.dose.asked", r.ID, map[string]any{"peer": r.Peer, "day": day, "studies": len(studies)})
	})
}

// dosePause is after how long a peer is asked again that did not answer.
const dosePause = 10 * time.Minute

// dosed returns the studies of a day that have one of the modalities of a rule.
func (x *Exchange) dosed(ctx context.Context, r DoseRule, day string) ([]string, error) {
	var all []string
	for _, m := range r.Modality {
		found, err := x.Source.Search(ctx, r.Site, r.Peer, Search{From: day, Until: day, Modality: m})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if u := f.UID.String(); !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
	return all, nil
}
