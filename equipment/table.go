package equipment

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// MostBytes bounds a table of devices, and MostDevices its lines.
const (
	MostBytes   = 4 << 20
	MostDevices = 5000
)

// columns are the columns of a table in the order in which it is written, and where
// they stand in a device. The first, and group and status, must be there.
var columns = []struct {
	name string
	at   func(*Device) *string
}{
	{"device", func(d *Device) *string { return &d.Name }},
	{"group", func(d *Device) *string { return &d.Group }},
	{"manufacturer", func(d *Device) *string { return &d.Manufacturer }},
	{"model", func(d *Device) *string { return &d.Model }},
	{"serial", func(d *Device) *string { return &d.Serial }},
	{"install_year", nil},
	{"acceptance_day", func(d *Device) *string { return &d.Accepted }},
	{"acceptance_result", func(d *Device) *string { return &d.Acceptance }},
	{"can_transfer_dose", func(d *Device) *string { return &d.SendsDose }},
	{"location", func(d *Device) *string { return &d.Location }},
	{"status", nil},
	{"owner", func(d *Device) *string { return &d.Owner }},
	{"contract", func(d *Device) *string { return &d.Contract }},
	{"contract_until", func(d *Device) *string { return &d.ContractEnds }},
	{"renewal_plan_date", func(d *Device) *string { return &d.Renewal }},
	{"physicist", func(d *Device) *string { return &d.Physicist }},
	{"machine", func(d *Device) *string { return &d.Machine }},
	{"note", func(d *Device) *string { return &d.Note }},
}

// A Line is what is wrong with a line of a table, from 1 with the head.
type Line struct {
	Line int
	Wrong
}

// ReadTable reads devices from CSV text with a head that names the columns, in any
// order; device, group and status are required. Lines that are wrong are named and
// returned too. Invalid: it is no table; Exhausted: it is too large.
func ReadTable(raw []byte) ([]Device, []Line, error) {
	if len(raw) > MostBytes {
		return nil, nil, fault.Errorf(fault.Exhausted, "a table of devices has at most %d bytes", MostBytes)
	}
	rd := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff"))))
	rd.FieldsPerRecord, rd.TrimLeadingSpace = -1, true
	if head, _, _ := bytes.Cut(raw, []byte("\n")); bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		rd.Comma = ';'
	}
	head, err := rd.Read()
	if err != nil {
		return nil, nil, fault.Errorf(fault.Invalid, "a table of devices begins with a line that names its columns")
	}
	at := map[string]int{}
	for i, name := range head {
		at[strings.ToLower(strings.TrimSpace(name))] = i
	}
	var wrong []Line
	for _, name := range []string{"device", "group", "status"} {
		if _, there := at[name]; !there {
			wrong = append(wrong, Line{1, Wrong{name, WrongColumn}})
		}
	}
	if len(wrong) > 0 {
		return nil, wrong, nil
	}
	return readLines(rd, at)
}

// readLines reads the devices below a head.
func readLines(rd *csv.Reader, at map[string]int) (all []Device, wrong []Line, err error) {
	for {
		fields, err := rd.Read()
		line, _ := rd.FieldPos(0)
		switch {
		case errors.Is(err, io.EOF):
			return all, wrong, nil
		case err != nil:
			return nil, nil, fault.Errorf(fault.Invalid, "a line of the table is not CSV: a quotation mark is open or stands alone")
		case len(all) == MostDevices:
			return nil, nil, fault.Errorf(fault.Exhausted, "a table has at most %d devices", MostDevices)
		}
		get := func(name string) string {
			if i, there := at[name]; there && i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		}
		var d Device
		for _, c := range columns {
			if c.at != nil {
				*c.at(&d) = get(c.name)
			}
		}
		d.Status, d.line = Status(get("status")), line
		if year := get("install_year"); year != "" {
			if d.Year, err = strconv.Atoi(year); err != nil {
				d.Year = 0
				wrong = append(wrong, Line{line, Wrong{"install_year", WrongYear}})
			}
		}
		all = append(all, d)
	}
}

// Take reads devices from a table and keeps them on behalf of an account: a device of a
// name that the register has is changed. Nothing is kept if a line is wrong, or with
// dry. It returns how many devices there are.
func (r *Register) Take(ctx context.Context, siteID, by string, raw []byte, dry bool) (int, []Line, error) {
	all, wrong, err := ReadTable(raw)
	if err != nil || len(wrong) > 0 && len(all) == 0 {
		return 0, wrong, err
	}
	had, err := r.Devices(ctx, siteID)
	if err != nil {
		return 0, nil, err
	}
	ids, seen := map[string]string{}, map[string]bool{}
	for _, d := range had {
		ids[d.Name] = d.ID
	}
	for i := range all {
		d := &all[i]
		for _, w := range d.check(r.Now().Year()) {
			wrong = append(wrong, Line{d.line, w})
		}
		if seen[d.Name] {
			wrong = append(wrong, Line{d.line, Wrong{"device", WrongTwice}})
		}
		seen[d.Name], d.ID = true, ids[d.Name]
	}
	slices.SortStableFunc(wrong, func(a, b Line) int { return a.Line - b.Line })
	if len(wrong) > 0 || dry {
		return len(all), wrong, nil
	}
	return len(all), nil, r.DB.Write(ctx, func(tx *db.Tx) error {
		for i := range all {
			if err := r.put(ctx, tx, siteID, by, &all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteTable writes devices as Take reads them. Texts that a spreadsheet would take for
// a formula are quoted with an apostrophe.
func WriteTable(w io.Writer, all []Device) error {
	out := csv.NewWriter(w)
	var head []string
	for _, c := range columns {
		head = append(head, c.name)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for i := range all {
		var fields []string
		for _, c := range columns {
			switch {
			case c.at != nil:
				fields = append(fields, plain(*c.at(&all[i])))
			case c.name == "status":
				fields = append(fields, string(all[i].Status))
			case all[i].Year == 0:
				fields = append(fields, "")
			default:
				fields = append(fields, strconv.Itoa(all[i].Year))
			}
		}
		if err := out.Write(fields); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// plain keeps a text from being a formula of a spreadsheet.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t", rune(s[0])) {
		return "'" + s
	}
	return s
}
