package site

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"radagora/db"
)

// Equipment is what an object says about the machine it comes from. All of it may
// be empty.
type Equipment struct {
	Site         string   // "" means Default
	Serial       string   // Device Serial Number (0018,1000); in reports Device Observer Serial Number (121016 DCM)
	DeviceUID    string   // Device Observer UID (121012 DCM)
	Manufacturer string   // (0008,0070)
	Model        string   // (0008,1090)
	Station      string   // Station Name (0008,1010); in reports Device Observer Name (121013 DCM)
	AETitle      string   // that called
	Software     []string // (0018,1020)
	Modality     string   // (0008,0060)
	Day          string   // local date of the object, 2006-01-02; anything else means today
}

// A Sighting is the machine an object came from.
type Sighting struct {
	MachineID string
	Weak      bool // known by manufacturer, model and station name alone
}

// The traits of a machine, as the table names them.
const (
	manufacturer = "manufacturer"
	model        = "model"
	station      = "station"
	aeTitle      = "ae_title"
	software     = "software"
	modality     = "modality"
)

// A sighting is Equipment as it identifies and describes: the key of the cache.
type sighting struct {
	site, brand, serial, uid             string
	manufacturer, model, station         string
	aeTitle, modality, software, weakKey string
}

// cached is what a sighting led to, and the days for which it was noted already.
type cached struct {
	Sighting
	first, last string
	until       time.Time
}

const (
	cacheSize = 4096
	cacheTime = time.Minute // then the database is asked again: somebody may have rebuilt
)

// Seen notes within tx that equipment was seen, and returns the machine it is. The
// same equipment is the same machine, in whatever order its objects arrive; a
// machine not seen before stands in a room of its own from then on. Seen is cheap:
// what was noted before on that day costs nothing.
//
// Machines are told apart by serial number and device UID. An object without
// device UID belongs to the machine with its serial number. Without both, the
// machine is known by manufacturer, model and station name, and is marked weak. Two
// machines of one manufacturer that send the same serial number and different
// device UIDs are two; which of them has which id follows the order of arrival.
func (r *Register) Seen(ctx context.Context, tx *db.Tx, e Equipment) (Sighting, error) {
	s, day := e.sighting(), e.day(r.now())
	if c, ok := r.known(s); ok && c.first <= day && day <= c.last {
		return c.Sighting, nil
	}
	found, err := find(ctx, tx, s)
	if err != nil {
		return Sighting{}, fmt.Errorf("find machine: %w", err)
	}
	if err := note(ctx, tx, found.MachineID, s.traits(), day); err != nil {
		return Sighting{}, fmt.Errorf("note machine %s: %w", found.MachineID, err)
	}
	tx.OnCommit(func() { r.remember(s, found, day) })
	return found, nil
}

// Forget removes within tx what was learnt about a site's machines, so that a
// rebuild learns it again. What people said stays.
func (r *Register) Forget(ctx context.Context, tx *db.Tx, siteID string) error {
	_, err := tx.Exec(ctx, `delete from site_machine_trait where machine_id in
		(select machine_id from site_machine_seen where site_id = $1)`, siteID)
	if err == nil {
		_, err = tx.Exec(ctx, `delete from site_machine_seen where site_id = $1`, siteID)
	}
	tx.OnCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(r.seen)
	})
	return err
}

// known looks a sighting up in the cache.
func (r *Register) known(s sighting) (cached, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.seen[s]
	return c, ok && r.now().Before(c.until)
}

// remember puts a sighting into the cache, or widens its days.
func (r *Register) remember(s sighting, found Sighting, day string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) >= cacheSize {
		clear(r.seen)
	}
	c, ok := r.seen[s]
	if !ok || c.MachineID != found.MachineID || !r.now().Before(c.until) {
		c = cached{Sighting: found, first: day, last: day, until: r.now().Add(cacheTime)}
	}
	c.first, c.last = min(c.first, day), max(c.last, day)
	r.seen[s] = c
}

// find returns the machine of a sighting, and adds it if it is new.
func find(ctx context.Context, tx *db.Tx, s sighting) (Sighting, error) {
	first := machineID(s.site, s.brand, s.serial)
	switch {
	case s.weakKey != "":
		return add(ctx, tx, machineID(s.site, "weak", s.weakKey), s)
	case s.serial == "":
		return add(ctx, tx, machineID(s.site, "uid", s.uid), s)
	}
	same, err := db.List(ctx, tx, func(r *db.Rows) (m seenMachine, err error) { return m, r.Scan(&m.id, &m.uid) },
		`select machine_id, device_uid from site_machine_seen
		where site_id = $1 and brand = $2 and serial = $3 order by machine_id`, s.site, s.brand, s.serial)
	if err != nil {
		return Sighting{}, err
	}
	for _, m := range same {
		if m.uid == s.uid {
			return Sighting{MachineID: m.id}, nil
		}
	}
	switch {
	case s.uid == "" || len(same) == 0:
		return add(ctx, tx, first, s)
	case adopts(ctx, tx, first, s.uid):
		return Sighting{MachineID: first}, nil
	}
	return add(ctx, tx, machineID(s.site, s.brand, s.serial, s.uid), s)
}

// seenMachine is a machine among those with one serial number.
type seenMachine struct{ id, uid string }

// adopts gives a machine known by its serial number alone its device UID.
func adopts(ctx context.Context, tx *db.Tx, id, uid string) bool {
	n, err := tx.Exec(ctx, `update site_machine_seen set device_uid = $1 where machine_id = $2 and device_uid = ''`, uid, id)
	return err == nil && n == 1 // a failed statement fails the next one too
}

// add adds a machine unless it is there.
func add(ctx context.Context, tx *db.Tx, id string, s sighting) (Sighting, error) {
	_, err := tx.Exec(ctx, `insert into site_machine_seen (machine_id, site_id, brand, serial, device_uid, weak)
		values ($1, $2, $3, $4, $5, $6) on conflict (machine_id) do nothing`,
		id, s.site, s.brand, s.serial, s.uid, s.weakKey != "")
	return Sighting{MachineID: id, Weak: s.weakKey != ""}, err
}

// note widens the days for which the traits of a machine are known.
func note(ctx context.Context, tx *db.Tx, id string, traits []trait, day string) error {
	for _, t := range traits {
		_, err := tx.Exec(ctx, `insert into site_machine_trait (machine_id, kind, value, first_day, last_day)
			values ($1, $2, $3, $4, $4) on conflict (machine_id, kind, value) do update set
			first_day = case when excluded.first_day < site_machine_trait.first_day then excluded.first_day else site_machine_trait.first_day end,
			last_day = case when excluded.last_day > site_machine_trait.last_day then excluded.last_day else site_machine_trait.last_day end`,
			id, t.kind, t.value, day)
		if err != nil {
			return err
		}
	}
	return nil
}

// A trait is something seen of a machine that may change.
type trait struct{ kind, value string }

// traits returns what is to be noted. There is always one, so that the days of a
// machine are known.
func (s sighting) traits() []trait {
	all := []trait{{modality, s.modality}}
	for _, t := range []trait{
		{manufacturer, s.manufacturer},
		{model, s.model},
		{station, s.station},
		{aeTitle, s.aeTitle},
		{software, s.software},
	} {
		if t.value != "" {
			all = append(all, t)
		}
	}
	return all
}

// sighting returns what identifies and describes the equipment.
func (e Equipment) sighting() sighting {
	s := sighting{
		site: e.Site, serial: serial(e.Serial), uid: clip(e.DeviceUID),
		manufacturer: clip(e.Manufacturer), model: clip(e.Model), station: clip(e.Station),
		aeTitle: clip(e.AETitle), modality: clip(e.Modality), software: clip(strings.Join(e.Software, " / ")),
	}
	if s.site == "" {
		s.site = Default
	}
	s.brand = brand(s.manufacturer)
	if s.serial == "" && s.uid == "" {
		s.weakKey = strings.ToLower(strings.Join([]string{s.manufacturer, s.model, s.station}, "\n"))
		if s.manufacturer+s.model+s.station == "" {
			s.weakKey += s.aeTitle // all there is
		}
	}
	return s
}

// day returns the day of the object, or that of now.
func (e Equipment) day(now time.Time) string {
	if _, err := time.Parse(time.DateOnly, e.Day); err != nil {
		return now.UTC().Format(time.DateOnly)
	}
	return e.Day
}

// serial returns a serial number as it is compared: "" for a placeholder without
// any digit but 0 and without any letter.
func serial(s string) string {
	s = strings.ToUpper(clip(s))
	if strings.Trim(s, "0 .-_/?") == "" {
		return ""
	}
	return s
}

// brand returns the first word of a manufacturer, which survives new legal forms:
// "GE MEDICAL SYSTEMS" and "GE Healthcare" are both "ge".
func brand(s string) string {
	word := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	if len(word) == 0 {
		return ""
	}
	return word[0]
}

// clip returns s without outer spaces and what no database would keep, and not
// longer than any DICOM text of this kind is allowed to be twice over.
func clip(s string) string {
	const most = 128
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return -1
		}
		return c
	}, s))
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

// machineID makes the id of a machine of what it is known by.
func machineID(parts ...string) string { return nameID("machine", parts...) }

// roomID makes the id of the room of its own that a machine stands in.
func roomID(machine string) string { return nameID("room", machine) }

// nameID makes a UUID (version 8, RFC 9562 §5.8) of names.
func nameID(kind string, parts ...string) string {
	name := kind + "\x00" + strings.Join(parts, "\x00")
	return uuid.NewHash(sha256.New(), uuid.NameSpaceOID, []byte(name), 8).String()
}
