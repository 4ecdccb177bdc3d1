package protocol

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/dose"
)

// derived are the tables that are made anew from what dose derives.
var derived = []string{"dose_protocol_use", "dose_protocol_check"}

// Derived notes what a study was made with, in the place of what was noted before. It is
// the follower of dose.Ledger.
func (r *Register) Derived(ctx context.Context, tx *db.Tx, siteID, study string) error {
	if study == "" {
		for _, table := range slices.Concat(derived, []string{"dose_protocol_stale", "dose_protocol_version"}) {
			if _, err := tx.Exec(ctx, "delete from "+table); err != nil { // names of the line above
				return err
			}
		}
		return nil
	}
	if err := stale(ctx, tx, siteID, study); err != nil {
		return err
	}
	for _, table := range derived {
		if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and study_uid = $2", siteID, study); err != nil {
			return err
		}
	}
	rules, err := LoadRules(r.Content, siteID)
	if err != nil {
		return err
	}
	events, err := eventsOf(ctx, tx, siteID, study)
	if err != nil {
		return err
	}
	for _, e := range events {
		if err := e.note(ctx, tx, siteID, study); err != nil {
			return err
		}
	}
	for _, u := range rules.uses(events) {
		if err := u.write(ctx, tx, siteID, study); err != nil {
			return err
		}
	}
	return stale(ctx, tx, siteID, study)
}

// stale notes that the versions of the protocols of a study are to be found anew.
func stale(ctx context.Context, tx *db.Tx, siteID, study string) error {
	_, err := tx.Exec(ctx, `insert into dose_protocol_stale (site_id, machine_id, protocol, type)
		select site_id, machine_id, protocol, type from dose_protocol_use where site_id = $1 and study_uid = $2
		on conflict do nothing`, siteID, study)
	return err
}

// unfit are the reasons for which an examination tells nothing of how patients are
// examined. One that is in no median for another reason was made with its protocol.
var unfit = []string{dose.ExcludedNotPatient, dose.ExcludedIdentity, dose.ExcludedDuplicate, dose.ExcludedUnit}

// An event is one irradiation event as dose derived it.
type event struct {
	ordinal                int
	key                    Key
	modality, day, started string
	ctdivol, dlp, weight   *float64
	counted                bool
	body                   dose.EventJSON
	values                 map[string]string // field to value
}

// eventsOf reads the events of a study, in the order of time.
func eventsOf(ctx context.Context, tx *db.Tx, siteID, study string) ([]event, error) {
	return db.List(ctx, tx, func(r *db.Rows) (e event, err error) {
		var excluded, notPatient string
		var packed []byte
		err = r.Scan(&e.ordinal, &e.key.Machine, &e.key.Protocol, &e.key.Type, &e.modality, &e.day, &e.started,
			&e.ctdivol, &e.dlp, &e.weight, &excluded, &notPatient, &packed)
		if err != nil {
			return e, err
		}
		if e.body, err = dose.UnpackEvent(packed); err != nil {
			return e, err
		}
		e.counted = notPatient == "" && !slices.Contains(unfit, excluded)
		e.values = map[string]string{}
		for _, v := range e.body.Values {
			field := string(v.Field)
			if _, had := e.values[field]; !had && field != "" && v.Value != nil {
				e.values[field] = written(v)
			}
		}
		if e.body.Phantom != nil {
			e.values["phantom"] = *e.body.Phantom
		}
		if e.body.KVP != nil {
			e.values["kvp"] = e.body.KVP.String()
		}
		return e, nil
	}, `select e.ordinal, coalesce(nullif(s.machine_id, ''), x.machine_id, t.machine_id), e.protocol, e.type, coalesce(x.modality, t.modality),
		coalesce(x.day, t.day), case when e.started <> '' then e.started else t.started end,
		e.ctdivol_mgy, e.dlp_mgycm, coalesce(x.weight_kg, t.weight_kg), coalesce(x.excluded, ''), t.not_patient, e.packed
		from dose_event e join dose_study t on t.site_id = e.site_id and t.study_uid = e.study_uid
		left join dose_examination x on x.site_id = e.site_id and x.study_uid = e.study_uid and x.examination = e.examination
		left join dose_source s on s.site_id = e.site_id and s.source_id = e.sop_instance_uid
		where e.site_id = $1 and e.study_uid = $2 order by e.ordinal`, siteID, study)
}

// written returns a value as text: what the object says of a code, and else what it is.
func written(v dose.ValueJSON) string {
	switch x := v.Value.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return ""
}

// number reads a value.
func (e event) number(field string) *float64 {
	n, err := strconv.ParseFloat(e.values[field], 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return &n
}

// A use is what one study was made with under one protocol.
type use struct {
	key                               Key
	modality, day, started            string
	events, checked, views            int
	settings                          map[string]string
	ctdivol, dlp, dap, rp, agd, weigh *float64
	counted                           bool
}

// uses gathers events by protocol.
func (r Rules) uses(events []event) []*use {
	at := map[Key]*use{}
	var all []*use
	for _, e := range events {
		u := at[e.key]
		if u == nil {
			u = &use{key: e.key, modality: e.modality, day: e.day, started: e.started, settings: map[string]string{}, weigh: e.weight, counted: true}
			at[e.key] = u
			all = append(all, u)
		}
		u.add(e)
		for _, s := range r.Settings {
			if value := s.of(e); value != "" && u.settings[s.Code] == "" {
				u.settings[s.Code] = value // of the first event that tells it
			}
		}
	}
	for _, u := range all {
		if u.agd != nil {
			*u.agd /= float64(u.views)
		}
	}
	return all
}

// add adds what an event gave.
func (u *use) add(e event) {
	u.events++
	u.counted = u.counted && e.counted
	if e.body.Alert != nil || e.body.Notification != nil {
		u.checked++
	}
	if e.ctdivol != nil && (u.ctdivol == nil || *e.ctdivol > *u.ctdivol) {
		u.ctdivol = e.ctdivol
	}
	sum := func(to **float64, n *float64) {
		switch {
		case n == nil:
		case *to == nil:
			x := *n
			*to = &x
		default:
			**to += *n
		}
	}
	sum(&u.dlp, e.dlp)
	sum(&u.dap, e.number("dap_gym2"))
	sum(&u.rp, e.number("rp_gy"))
	if agd := e.number("agd_mgy"); agd != nil {
		sum(&u.agd, agd)
		u.views++
	}
}

// of returns the value of a setting, rounded to its step; "" if the event does not tell.
func (s Setting) of(e event) string {
	value := strings.TrimSpace(e.values[s.Code])
	if value == "" && s.Comment != "" {
		value = commented(e.values["comment"], s.Comment)
	}
	n, err := strconv.ParseFloat(value, 64)
	if s.Step <= 0 || err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return value
	}
	n = math.Round(n/s.Step) * s.Step
	return strconv.FormatFloat(math.Round(n*1e6)/1e6, 'g', -1, 64)
}

// commented finds "name = value" in a comment of several parted by commas.
func commented(comment, name string) string {
	_, list, found := strings.Cut(comment, ":")
	if !found {
		list = comment
	}
	for part := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(part, "=")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// write writes a use.
func (u *use) write(ctx context.Context, tx *db.Tx, siteID, study string) error {
	settings, err := json.Marshal(u.settings)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_protocol_use (site_id, study_uid, machine_id, protocol, type, modality, day, started, events, checked, settings,
		ctdivol_mgy, dlp_mgycm, dap_gym2, rp_gy, agd_mgy, weight_kg, counted)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		siteID, study, u.key.Machine, u.key.Protocol, u.key.Type, u.modality, u.day, u.started, u.events, u.checked, string(settings),
		u.ctdivol, u.dlp, u.dap, u.rp, u.agd, u.weigh, u.counted)
	return err
}

// note writes what an event says of dose checks.
func (e event) note(ctx context.Context, tx *db.Tx, siteID, study string) error {
	for kind, c := range map[string]*dose.CheckJSON{"alert": e.body.Alert, "notification": e.body.Notification} {
		if c == nil {
			continue
		}
		if err := e.check(ctx, tx, siteID, study, kind, c); err != nil {
			return err
		}
	}
	return nil
}

// word returns a text, "" for none.
func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
