package exchange

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// A Part says how much of a study is passed on.
type Part string

// The parts.
const (
	All     Part = "all"
	Reports Part = "reports" // structured reports alone, such as dose reports
	Notes   Part = "notes"   // rejection notes about what the peer has taken; nobody asks for them, they go by themselves
	Doses   Part = "doses"   // reports, or where there is none one instance for each irradiation event; it is fetched, never sent
)

// A Rule says what is passed on to whom. Empty lists ask nothing; all others must
// hold for a series that is to go.
type Rule struct {
	ID, Site, Name string
	Active         bool
	Peer           string   // AE title
	CallingAE      []string // who sent the study here
	Modality       []string
	BodyPart       []string
	Description    string // a part of the description of study or series, whatever case and accents
	Part           Part
	From, Until    int // minute of the day in the site's zone; equal means all day
	Rest           time.Duration
	DecidedBy      string
	Decided        time.Time
}

// MostRest bounds how long a study may have to be quiet.
const MostRest = 24 * time.Hour

// check says what cannot be of a rule.
func (r *Rule) check() error {
	day := 24 * 60
	switch {
	case r.Site == "" || r.Name == "" || len(r.Name) > 100:
		return fault.Errorf(fault.Invalid, "rule: a name of at most 100 characters is needed")
	case r.Peer == "":
		return fault.Errorf(fault.Invalid, "rule: it names no peer to send to")
	case r.Part != All && r.Part != Reports:
		return fault.Errorf(fault.Invalid, `rule: the part is "all" or "reports"`)
	case r.From < 0 || r.From >= day || r.Until < 0 || r.Until >= day:
		return fault.Errorf(fault.Invalid, "rule: the hours are between 00:00 and 23:59")
	case r.Rest < 0 || r.Rest > MostRest:
		return fault.Errorf(fault.Invalid, "rule: a study may have to be quiet for a day at most")
	case len(r.CallingAE)+len(r.Modality)+len(r.BodyPart) > 100 || len(r.Description) > 200:
		return fault.Errorf(fault.Invalid, "rule: too many conditions")
	}
	for _, list := range [][]string{r.CallingAE, r.Modality, r.BodyPart} {
		for i, s := range list {
			if list[i] = strings.TrimSpace(s); list[i] == "" || strings.Contains(s, ",") || len(s) > 64 {
				return fault.Errorf(fault.Invalid, "rule: a condition is empty, too long or holds a comma")
			}
		}
	}
	return nil
}

// columnsRule are the columns of a rule in the order of scanRule.
const columnsRule = `id, site_id, name, active, peer, calling_ae, modality, body_part, description, part, from_minute, until_minute, rest_ms, decided_by, decided_ms`

func scanRule(r *db.Rows) (u Rule, err error) {
	var calling, modality, body string
	var rest, decided int64
	err = r.Scan(&u.ID, &u.Site, &u.Name, &u.Active, &u.Peer, &calling, &modality, &body, &u.Description, &u.Part, &u.From, &u.Until, &rest, &u.DecidedBy, &decided)
	u.CallingAE, u.Modality, u.BodyPart = split(calling), split(modality), split(body)
	u.Rest, u.Decided = time.Duration(rest)*time.Millisecond, db.FromMillis(decided)
	return u, err
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// Rules returns the rules of a site by name.
func (x *Exchange) Rules(ctx context.Context, site string) ([]Rule, error) {
	return db.List(ctx, x.DB, scanRule, `select `+columnsRule+` from exchange_rule where site_id = $1 order by name, id`, site)
}

// SetRule adds a rule, or changes the one with its ID, on behalf of by. It is Invalid
// for one that cannot be and NotFound for an ID that is not known.
func (x *Exchange) SetRule(ctx context.Context, by string, r Rule) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	fresh := r.ID == ""
	if fresh {
		r.ID = db.NewID()
	}
	now := x.Now()
	return r.ID, x.DB.Write(ctx, func(tx *db.Tx) error {
		args := []any{
			r.ID, r.Site, r.Name, r.Active, r.Peer, strings.Join(r.CallingAE, ","), strings.Join(r.Modality, ","), strings.Join(r.BodyPart, ","),
			archive.Fold(r.Description), string(r.Part), r.From, r.Until, r.Rest.Milliseconds(), by, db.Millis(now),
		}
		if fresh {
			if _, err := tx.Exec(ctx, `insert into exchange_rule (`+columnsRule+`) values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)`, args...); err != nil {
				return err
			}
		} else {
			n, err := tx.Exec(ctx, `update exchange_rule set name=$3, active=$4, peer=$5, calling_ae=$6, modality=$7, body_part=$8, description=$9,
				part=$10, from_minute=$11, until_minute=$12, rest_ms=$13, decided_by=$14, decided_ms=$15 where id=$1 and site_id=$2`, args...)
			if err != nil {
				return err
			}
			if n == 0 {
				return fault.Errorf(fault.NotFound, "no such rule")
			}
		}
		return x.note(ctx, tx, r.Site, by, "exchange.rule.changed", r.ID, map[string]any{"name": r.Name, "peer": r.Peer, "active": r.Active, "part": r.Part})
	})
}

// RemoveRule forgets a rule on behalf of by. What it began goes on.
func (x *Exchange) RemoveRule(ctx context.Context, by, site, id string) error {
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `delete from exchange_rule where id = $1 and site_id = $2`, id, site)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no such rule")
		}
		return x.note(ctx, tx, site, by, "exchange.rule.removed", id, nil)
	})
}

// note writes what happened into the journal.
func (x *Exchange) note(ctx context.Context, tx *db.Tx, site, by, kind, subject string, data map[string]any) error {
	e := journal.Entry{Site: site, Actor: by, Kind: kind, Subject: subject}
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return err
		}
		e.Data = raw
	}
	return x.Journal.Append(ctx, tx, e)
}

// open reports whether a rule may send at a time of day.
func (r *Rule) open(t time.Time) bool {
	minute := t.Hour()*60 + t.Minute()
	switch {
	case r.From == r.Until:
		return true
	case r.From < r.Until:
		return r.From <= minute && minute < r.Until
	default: // over midnight
		return minute >= r.From || minute < r.Until
	}
}

// fits reports whether a rule wants a series of a study that came by doors.
func (r *Rule) fits(study archive.Study, s archive.Series, doors []archive.Door) bool {
	if r.Part == Reports && s.Modality != "SR" {
		return false
	}
	if len(r.Modality) > 0 && !slices.Contains(r.Modality, s.Modality) {
		return false
	}
	if len(r.BodyPart) > 0 && !slices.Contains(r.BodyPart, s.BodyPart) {
		return false
	}
	if r.Description != "" && !strings.Contains(archive.Fold(study.Description+" "+s.Description), r.Description) {
		return false
	}
	return len(r.CallingAE) == 0 || slices.ContainsFunc(doors, func(d archive.Door) bool { return slices.Contains(r.CallingAE, d.CallingAE) })
}

// sentByPeer reports whether a peer sent all of a study itself: it does not get it back.
func sentByPeer(doors []archive.Door, peer string) bool {
	return len(doors) > 0 && !slices.ContainsFunc(doors, func(d archive.Door) bool { return d.CallingAE != peer })
}

// Apply asks the rules about every study that has been quiet long enough.
func (x *Exchange) Apply(ctx context.Context) error {
	type pending struct {
		site, study string
		changed     time.Time
	}
	list, err := db.List(ctx, x.DB, func(r *db.Rows) (p pending, err error) {
		var ms int64
		err = r.Scan(&p.site, &p.study, &ms)
		p.changed = db.FromMillis(ms)
		return p, err
	}, `select site_id, study_uid, changed_ms from exchange_pending order by changed_ms limit 1000`)
	if err != nil {
		return err
	}
	rules := map[string][]Rule{}
	for _, p := range list {
		if _, known := rules[p.site]; !known {
			if rules[p.site], err = x.Rules(ctx, p.site); err != nil {
				return err
			}
		}
		if err := x.applyTo(ctx, rules[p.site], p.site, p.study, p.changed); err != nil {
			return err
		}
	}
	return nil
}

// applyTo asks the rules of a site about one study. It stays pending while a rule
// still waits for it to rest, or for its hours.
func (x *Exchange) applyTo(ctx context.Context, rules []Rule, site, study string, changed time.Time) error {
	zone, err := x.Zone(ctx, site)
	if err != nil {
		return err
	}
	now := x.Now()
	wanted, wait := []Rule{}, false
	for _, r := range rules {
		switch {
		case !r.Active:
		case now.Sub(changed) < r.Rest && !now.Before(changed), !r.open(now.In(zone)):
			wait = true
		default:
			wanted = append(wanted, r)
		}
	}
	transfers, err := x.wantedOf(ctx, wanted, site, study)
	if err != nil {
		return err
	}
	if len(transfers) == 0 && wait {
		return nil
	}
	return x.DB.Write(ctx, func(tx *db.Tx) error {
		for _, t := range transfers {
			if err := x.add(ctx, tx, t); err != nil {
				return err
			}
		}
		if wait {
			return nil
		}
		_, err := tx.Exec(ctx, `delete from exchange_pending where site_id = $1 and study_uid = $2 and changed_ms = $3`, site, study, db.Millis(changed))
		return err
	})
}

// wantedOf returns the transfers that rules want of a study.
func (x *Exchange) wantedOf(ctx context.Context, rules []Rule, site, name string) ([]Transfer, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	u, err := uid.Parse(name)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	study, err := x.Studies.Study(ctx, site, u)
	if err != nil {
		if fault.Of(err) == fault.NotFound { // erased meanwhile
			return nil, nil
		}
		return nil, err
	}
	series, err := x.Studies.SeriesOf(ctx, site, u)
	if err != nil {
		return nil, err
	}
	doors, err := x.Studies.Doors(ctx, site, u)
	if err != nil {
		return nil, err
	}
	var all []Transfer
	for _, r := range rules {
		if sentByPeer(doors, r.Peer) {
			continue
		}
		fits, every := []string{}, true
		for _, s := range series {
			if r.fits(study, s, doors) {
				fits = append(fits, s.UID.String())
			} else if r.Part == All {
				every = false
			}
		}
		if every && len(fits) > 0 {
			fits = []string{""} // the study as a whole
		}
		for _, s := range fits {
			all = append(all, Transfer{Site: site, Peer: r.Peer, Study: name, Series: s, Part: r.Part, Rule: r.ID, By: "system:exchange"})
		}
	}
	return all, nil
}
