package equipment

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/db"
	"radagora/fault"
)

// A Status says whether a device is in use.
type Status string

// The statuses a site gives.
const (
	Ordered   Status = "ordered"
	Active    Status = "active"
	Suspended Status = "suspended"
	Retired   Status = "retired"
)

// Statuses returns them in the order of a device's life.
func Statuses() []Status { return []Status{Ordered, Active, Suspended, Retired} }

// Groups returns the groups of equipment, as the age rule and the tests name them.
func Groups() []string {
	return []string{"CT", "MRI", "XA", "PET", "radiography", "fluoroscopy", "mammography", "ultrasound", "gamma camera", "display"}
}

// A Device is what a site says of one.
type Device struct {
	ID      string `json:"-"`
	Site    string `json:"-"`
	Name    string `json:"-"` // such as CT-1
	Machine string `json:"-"` // id in room site, "" if unknown

	Group        string `json:"group"`
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Year         int    `json:"install_year,omitempty"` // 0 is unknown
	Status       Status `json:"status"`
	Location     string `json:"location,omitempty"`
	Accepted     string `json:"acceptance_day,omitempty"` // day of the acceptance test, "" if unknown
	Acceptance   string `json:"acceptance_result,omitempty"`
	SendsDose    string `json:"can_transfer_dose,omitempty"` // yes, no, "" if nobody said
	Owner        string `json:"owner,omitempty"`
	Contract     string `json:"contract,omitempty"`
	ContractEnds string `json:"contract_until,omitempty"`
	Renewal      string `json:"renewal_plan_date,omitempty"`
	Physicist    string `json:"physicist,omitempty"` // who is responsible
	Note         string `json:"note,omitempty"`

	line int // of a table, 0 otherwise

	By string    `json:"-"` // account that changed it last
	At time.Time `json:"-"`
}

// Bounds of what is typed, in bytes.
const (
	mostName = 64
	mostText = 500
)

// A Wrong is what is wrong with a field, and what would be right.
type Wrong struct{ Field, Rule string }

// The rules, by which pages and commands say what would be right.
const (
	WrongName   = "name"   // a name of 1 to 64 bytes
	WrongGroup  = "group"  // one of Groups
	WrongStatus = "status" // one of Statuses
	WrongYear   = "year"   // a year with four digits that is not after the next
	WrongDay    = "day"    // a day as 2006-01-02
	WrongYesNo  = "yes_no"
	WrongText   = "text" // no more than 500 bytes
	WrongTwice  = "twice"
	WrongColumn = "column" // a column that is missing
)

// firstYear is the first year that a device can be of: that of Röntgen's discovery.
const firstYear = 1895

// check returns what is wrong with a device in a year.
func (d *Device) check(year int) (all []Wrong) {
	wrong := func(bad bool, field, rule string) {
		if bad {
			all = append(all, Wrong{field, rule})
		}
	}
	wrong(strings.TrimSpace(d.Name) == "" || !text(d.Name, mostName), "device", WrongName)
	wrong(!slices.Contains(Groups(), d.Group), "group", WrongGroup)
	wrong(!slices.Contains(Statuses(), d.Status), "status", WrongStatus)
	wrong(d.Year != 0 && (d.Year < firstYear || d.Year > year+1), "install_year", WrongYear)
	wrong(d.SendsDose != "" && d.SendsDose != "yes" && d.SendsDose != "no", "can_transfer_dose", WrongYesNo)
	for field, day := range map[string]string{"acceptance_day": d.Accepted, "contract_until": d.ContractEnds, "renewal_plan_date": d.Renewal} {
		wrong(day != "" && !isDay(day), field, WrongDay)
	}
	for field, s := range map[string]string{
		"manufacturer": d.Manufacturer, "model": d.Model, "serial": d.Serial, "location": d.Location, "acceptance_result": d.Acceptance,
		"owner": d.Owner, "contract": d.Contract, "physicist": d.Physicist, "note": d.Note, "machine": d.Machine,
	} {
		wrong(!text(s, mostText), field, WrongText)
	}
	slices.SortFunc(all, func(a, b Wrong) int { return cmp.Compare(a.Field, b.Field) })
	return all
}

// text reports whether s is text of at most that many bytes.
func text(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// isDay reports whether s is a day.
func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

const selectDevice = `select device_id, site_id, name, machine_id, body, changed_by, changed_at from equipment_device`

func scanDevice(r *db.Rows) (d Device, err error) {
	var body string
	var at int64
	var id, siteID, name, machine, by string
	if err := r.Scan(&id, &siteID, &name, &machine, &body, &by, &at); err != nil {
		return d, err
	}
	err = fault.As(fault.Internal, json.Unmarshal([]byte(body), &d))
	d.ID, d.Site, d.Name, d.Machine, d.By, d.At = id, siteID, name, machine, by, db.FromMillis(at)
	return d, err
}

// Devices returns the devices of a site by name, retired ones too.
func (r *Register) Devices(ctx context.Context, siteID string) ([]Device, error) {
	return db.List(ctx, r.DB, scanDevice, selectDevice+` where site_id = $1 order by name`, siteID)
}

// Device returns a device by its id or its name. NotFound: there is none.
func (r *Register) Device(ctx context.Context, siteID, id string) (Device, error) {
	for _, by := range []string{"device_id", "name"} {
		all, err := db.List(ctx, r.DB, scanDevice, selectDevice+` where site_id = $1 and `+by+` = $2`, siteID, id)
		if err != nil {
			return Device{}, err
		}
		if len(all) > 0 {
			return all[0], nil
		}
	}
	return Device{}, fault.Errorf(fault.NotFound, "no such device in the register")
}

// Keep enters a device on behalf of an account, or with an id changes it. What is wrong
// with it is returned, and then nothing is kept. NotFound: no device has the id.
func (r *Register) Keep(ctx context.Context, siteID, by string, d Device) (Device, []Wrong, error) {
	wrong, err := r.wrong(ctx, siteID, &d)
	if err != nil || len(wrong) > 0 {
		return d, wrong, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error { return r.put(ctx, tx, siteID, by, &d) })
	return d, nil, err
}

// wrong returns what is wrong with a device beside those that are there.
func (r *Register) wrong(ctx context.Context, siteID string, d *Device) ([]Wrong, error) {
	d.Site, d.Name = siteID, strings.TrimSpace(d.Name)
	wrong := d.check(r.Now().Year())
	all, err := r.Devices(ctx, siteID)
	if err != nil {
		return nil, err
	}
	known := d.ID == ""
	for _, o := range all {
		known = known || o.ID == d.ID
		if o.Name == d.Name && o.ID != d.ID {
			wrong = append(wrong, Wrong{"device", WrongTwice})
		}
	}
	if !known {
		return nil, fault.Errorf(fault.NotFound, "no such device in the register")
	}
	return wrong, nil
}

// put writes a device that was checked.
func (r *Register) put(ctx context.Context, tx *db.Tx, siteID, by string, d *Device) error {
	if d.ID == "" {
		d.ID = db.NewID()
	}
	d.By, d.At = by, r.Now()
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into equipment_device (device_id, site_id, name, machine_id, body, changed_by, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (device_id) do update set name = excluded.name, machine_id = excluded.machine_id,
		body = excluded.body, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		d.ID, siteID, d.Name, d.Machine, string(body), by, db.Millis(d.At))
	if err != nil {
		return err
	}
	return r.journalled(ctx, tx, siteID, by, "equipment.device.kept", d.ID, map[string]any{"name": d.Name, "group": d.Group, "status": d.Status, "install_year": d.Year})
}

// An Unlike is a device of the register that no object named, or a machine whose objects
// arrive and that the register does not hold.
type Unlike struct {
	Device  string // name in the register, "" of a machine
	Machine string // id in room site, "" of a device
	Name    string
	Last    string // day of its last object
}

// Unlikes compares the active devices of the register with the machines that were seen,
// both ways. matching counts devices that are in both, of all entries and machines.
func (r *Register) Unlikes(ctx context.Context, siteID string) (all []Unlike, matching, of int, err error) {
	devices, err := r.Devices(ctx, siteID)
	if err != nil {
		return nil, 0, 0, err
	}
	plan, err := r.Plan(ctx, siteID)
	if err != nil {
		return nil, 0, 0, err
	}
	registered := map[string]bool{}
	for _, d := range devices {
		m, seen := plan.Machine(d.Machine)
		registered[m.ID] = registered[m.ID] || seen
		if d.Status == Retired || d.Status == Ordered || d.Group == "display" {
			continue // no objects are expected of them
		}
		if of++; seen && m.LastDay != "" {
			matching++
			continue
		}
		all = append(all, Unlike{Device: d.Name, Name: d.Name})
	}
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			if m.Into == "" && !registered[m.ID] && m.LastDay != "" {
				of++
				all = append(all, Unlike{Machine: m.ID, Name: m.Name, Last: m.LastDay})
			}
		}
	}
	return all, matching, of, nil
}
