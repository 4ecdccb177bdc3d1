package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"radagora/db"
)

// A Changed is a setting that began a version.
type Changed struct {
	Setting string `json:"setting"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// A Value is one of the values that a setting has in a version.
type Value struct {
	Text string `json:"value"`
	N    int    `json:"n"`
}

// A Version is a time through which a protocol was as it was.
type Version struct {
	Key
	Number   int // from 1
	Modality string
	First    string // day
	Last     string // day
	N        int    // studies
	Settings map[string][]Value
	Changed  []Changed // what began it; none of the first
}

// A sample is what one study says of a protocol.
type sample struct {
	day      string
	modality string
	settings map[string]string
}

// versions divides samples, which must be in the order of time, into versions.
func (r Rules) versions(all []sample) (out []Version) {
	var changed []Changed
	for len(all) > 0 {
		end, next := r.end(all)
		out = append(out, Version{
			Number: len(out) + 1, N: end, Modality: all[0].modality, First: all[0].day, Last: all[end-1].day,
			Settings: count(all[:end]), Changed: changed,
		})
		all, changed = all[end:], next
	}
	return out
}

// end returns how many samples belong to the version that begins the list, and what
// changes after them.
func (r Rules) end(all []sample) (int, []Changed) {
	first := len(all)
	var changed []Changed
	for _, s := range r.Settings {
		if !s.Version {
			continue
		}
		at, c := r.change(all, s.Code)
		switch {
		case at < 0 || at > first:
		case at < first:
			first, changed = at, []Changed{c}
		case at < len(all):
			changed = append(changed, c)
		}
	}
	return first, changed
}

// change returns where a setting changes lastingly, -1 for nowhere. Samples that do not
// tell it are passed over.
func (r Rules) change(all []sample, setting string) (int, Changed) {
	var at []int
	var values []string
	for i, s := range all {
		if v := s.settings[setting]; v != "" {
			at, values = append(at, i), append(values, v)
		}
	}
	had := map[string]int{}
	for i, v := range values {
		before := float64(had[v])
		if i >= r.Least && at[i] > 0 && r.lasts(values[i:], before/float64(i)) {
			return at[i], Changed{setting, most(had), v}
		}
		had[v]++
	}
	return -1, Changed{}
}

// lasts reports whether the first of values begins a lasting change, when it had a share
// of the version so far.
func (r Rules) lasts(values []string, before float64) bool {
	share := func(run int) float64 {
		if len(values) < run {
			return 0
		}
		n := 0
		for _, v := range values[:run] {
			if v == values[0] {
				n++
			}
		}
		return float64(n) / float64(run)
	}
	return before <= r.Before && share(r.Run) >= r.Share || before <= r.LongBefore && share(r.LongRun) == 1
}

// most returns the most frequent value, of several the first in the order of texts.
func most(had map[string]int) string {
	best := ""
	for v, n := range had {
		if best == "" || n > had[best] || n == had[best] && v < best {
			best = v
		}
	}
	return best
}

// count counts the values of each setting.
func count(all []sample) map[string][]Value {
	n := map[string]map[string]int{}
	for _, s := range all {
		for setting, v := range s.settings {
			if n[setting] == nil {
				n[setting] = map[string]int{}
			}
			n[setting][v]++
		}
	}
	const kept = 20 // values of a setting that the machine chooses for each patient
	out := map[string][]Value{}
	for setting, values := range n {
		var list []Value
		for v, k := range values {
			list = append(list, Value{v, k})
		}
		slices.SortFunc(list, func(a, b Value) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Text, b.Text)) })
		out[setting] = list[:min(len(list), kept)]
	}
	return out
}

// refresh finds the versions of the protocols anew that studies were added to or taken
// from. Of several processes that do at once, all write the same.
func (r *Register) refresh(ctx context.Context, siteID string) error {
	for {
		keys, err := db.List(ctx, r.DB, scanKey, `select machine_id, protocol, type from dose_protocol_stale
			where site_id = $1 order by machine_id, protocol, type limit 50`, siteID)
		if err != nil || len(keys) == 0 {
			return err
		}
		rules, err := LoadRules(r.Content, siteID)
		if err != nil {
			return err
		}
		err = r.DB.Write(ctx, func(tx *db.Tx) error {
			for _, k := range keys {
				if err := rules.derive(ctx, tx, siteID, k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// scanKey reads a key.
func scanKey(r *db.Rows) (k Key, err error) { return k, r.Scan(&k.Machine, &k.Protocol, &k.Type) }

// derive writes the versions of one protocol.
func (r Rules) derive(ctx context.Context, tx *db.Tx, siteID string, k Key) error {
	for _, table := range []string{"dose_protocol_stale", "dose_protocol_version"} {
		if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and machine_id = $2 and protocol = $3 and type = $4",
			siteID, k.Machine, k.Protocol, k.Type); err != nil {
			return err
		}
	}
	all, err := db.List(ctx, tx, func(r *db.Rows) (s sample, err error) {
		var settings string
		if err := r.Scan(&s.day, &s.modality, &settings); err != nil {
			return s, err
		}
		return s, json.Unmarshal([]byte(settings), &s.settings)
	}, `select day, modality, settings from dose_protocol_use where site_id = $1 and machine_id = $2 and protocol = $3 and type = $4 and counted
		order by day, started, study_uid`, siteID, k.Machine, k.Protocol, k.Type)
	if err != nil {
		return err
	}
	if k.Protocol == "" {
		r.Settings = nil // nobody knows what is one protocol among what has no name
	}
	for _, v := range r.versions(all) {
		settings, err := json.Marshal(v.Settings)
		if err != nil {
			return err
		}
		changed, err := json.Marshal(append([]Changed{}, v.Changed...))
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into dose_protocol_version (site_id, machine_id, protocol, type, version, modality, first_day, last_day, n, settings, changed)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			siteID, k.Machine, k.Protocol, k.Type, v.Number, v.Modality, v.First, v.Last, v.N, string(settings), string(changed))
		if err != nil {
			return err
		}
	}
	return nil
}

// scanVersion reads a version.
func scanVersion(r *db.Rows) (v Version, err error) {
	var settings, changed string
	if err := r.Scan(&v.Machine, &v.Protocol, &v.Type, &v.Number, &v.Modality, &v.First, &v.Last, &v.N, &settings, &changed); err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(settings), &v.Settings); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(changed), &v.Changed)
}

const selectVersion = `select machine_id, protocol, type, version, modality, first_day, last_day, n, settings, changed from dose_protocol_version`

// Versions returns every version of every protocol of a site, or of one machine, those of
// one protocol in the order of time.
func (r *Register) Versions(ctx context.Context, siteID, machine string) ([]Version, error) {
	if err := r.refresh(ctx, siteID); err != nil {
		return nil, err
	}
	return db.List(ctx, r.DB, scanVersion, selectVersion+` where site_id = $1 and ($2 = '' or machine_id = $2)
		order by machine_id, protocol, type, version`, siteID, machine)
}

// A Mark is a change of a protocol, for the line of time of what it gave.
type Mark struct {
	Key
	Day     string
	Version int // that begins
	Changed []Changed
}

// Marks returns the changes of the protocols of a machine, or of all, from a day to
// another, both included.
func (r *Register) Marks(ctx context.Context, siteID, machine, from, to string) ([]Mark, error) {
	all, err := r.Versions(ctx, siteID, machine)
	if err != nil {
		return nil, err
	}
	var out []Mark
	for _, v := range all {
		if v.Number > 1 && v.First >= from && v.First <= to {
			out = append(out, Mark{v.Key, v.First, v.Number, v.Changed})
		}
	}
	slices.SortStableFunc(out, func(a, b Mark) int { return cmp.Or(cmp.Compare(a.Day, b.Day), a.compare(b.Key)) })
	return out, nil
}
