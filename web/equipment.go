package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/equipment"
	"radagora/fault"
	"radagora/icalendar"
	"radagora/lang"
	"radagora/web/face"
)

// Machines is the register of devices with their age and their tests.
type Machines interface {
	// Machines says how the devices of a site stand.
	Machines(ctx context.Context) (MachinesPage, error)
	// MachineKeep keeps a device. Invalid: said to whoever typed it.
	MachineKeep(ctx context.Context, by Person, d equipment.Device) (id string, err error)
	// MachineResult keeps the result of a test.
	MachineResult(ctx context.Context, by Person, x equipment.Result) error
	// MachineLevels keeps what the site demands of a test.
	MachineLevels(ctx context.Context, by Person, device, test string, l equipment.Levels) error
	// MachinePicture keeps the picture of a device, and MachineShow returns it with its media type.
	MachinePicture(ctx context.Context, by Person, device string, raw []byte) error
	MachineShow(ctx context.Context, device string) (mediaType string, raw []byte, err error)
	// MachineChange notes a change, which asks for tests.
	MachineChange(ctx context.Context, by Person, c equipment.Change) error
}

// A MachinesPage is how the devices of a site stand.
type MachinesPage struct {
	*equipment.Board
	Bands    []equipment.Band
	Ages     []equipment.Profile
	Year     int
	Draft    bool // the tests and the rule of age are
	Seen     []face.Choice
	Links    string          // address of the program, as others reach it
	Pictures map[string]bool // devices of which there is a picture
}

// machinesAt is the address of the register of devices.
const machinesAt = "/quality/equipment"

// machineRoutes are the addresses of devices.
func (s *server) machineRoutes(g registrar) {
	if s.Machines == nil {
		return
	}
	g.get(machinesAt, access.EquipmentRead, s.machinesPage)
	g.get(machinesAt+"/today", access.EquipmentRead, s.machinesToday)
	g.get(machinesAt+"/export", access.EquipmentRead, s.machinesFile)
	g.get(machinesAt+"/calendar/export", access.EquipmentRead, s.machinesCalendar)
	g.get(machinesAt+"/of/{id}", access.EquipmentRead, s.machinePage)
	g.get(machinesAt+"/of/{id}/picture", access.EquipmentRead, s.machineShow)
	g.get(machinesAt+"/labels", access.EquipmentRead, s.machineLabels)
	g.post(machinesAt, access.EquipmentChange, s.machineKeep)
	g.upload(machinesAt+"/of/{id}/picture", access.EquipmentTest, equipment.MostPhoto+formLimit, s.machinePicture)
	g.post(machinesAt+"/of/{id}", access.EquipmentChange, s.machineDo)
	g.post(machinesAt+"/of/{id}/result", access.EquipmentTest, s.machineResult)
}

// machinesPage shows the register.
func (s *server) machinesPage(v *visit) error { return s.showMachines(v, equipment.Device{}, "") }

func (s *server) showMachines(v *visit, typed equipment.Device, why string) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	p := page{title: v.p.T("machine.title"), lead: v.p.T("machine.lead"), section: machinesAt}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, machinesBody(v, pg, typed, why))
}

// machinesToday shows what is to be tested, with large targets: of all machines, or of the
// one at whose door somebody stands.
func (s *server) machinesToday(v *visit) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	at := v.r.URL.Query().Get("device")
	head := page{title: v.p.T("machine.today"), lead: v.p.T("machine.today_lead"), section: machinesAt + "/today"}
	i := slices.IndexFunc(pg.Devices, func(d equipment.Device) bool { return d.ID == at })
	if i < 0 {
		if at != "" {
			return fault.Errorf(fault.NotFound, "there is no such device")
		}
		return v.show(head, machinesTodayBody(v, pg.due(), nil))
	}
	head.title = v.p.T("machine.today_of", lang.Args{"device": pg.Devices[i].Name})
	due := slices.DeleteFunc(pg.due(), func(p equipment.Planned) bool { return p.Device.ID != at })
	return v.show(head, machinesTodayBody(v, due, &pg.Devices[i]))
}

// due are the tests that are to be done today at the latest.
func (pg *MachinesPage) due() []equipment.Planned {
	return slices.DeleteFunc(slices.Clone(pg.Planned), func(p equipment.Planned) bool { return p.Due > pg.Today })
}

// doorAt is the address that the label of a machine shows.
func (pg *MachinesPage) doorAt(device string) string {
	return pg.Links + machinesAt + "/today?" + url.Values{"device": {device}}.Encode()
}

// machineLabels shows labels for the doors: of all machines that are in use, or of one.
func (s *server) machineLabels(v *visit) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	only := v.r.URL.Query().Get("device")
	pg.Devices = slices.DeleteFunc(slices.Clone(pg.Devices), func(d equipment.Device) bool {
		return only != "" && d.ID != only || only == "" && d.Status == equipment.Retired
	})
	return v.show(page{title: v.p.T("machine.labels"), lead: v.p.T("machine.labels_lead"), section: machinesAt, crumbs: []crumb{{v.p.T("nav.machines"), machinesAt}}}, machineLabelsBody(v, pg))
}

// machineShow hands out the picture of a machine.
func (s *server) machineShow(v *visit) error {
	is, raw, err := s.Machines.MachineShow(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", is)
	v.w.Header().Set("Cache-Control", "private, no-store")
	_, _ = v.w.Write(raw) // a reader that went away is no error of ours
	return nil
}

// machinePicture takes the picture of a machine.
func (s *server) machinePicture(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.r.ParseMultipartForm(1 << 20); err != nil {
		return tooMuch(err)
	}
	file, _, err := v.r.FormFile("picture")
	if err != nil {
		return s.showMachine(v, v.p.T("machine.picture_none"))
	}
	raw, err := io.ReadAll(io.LimitReader(file, equipment.MostPhoto+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return fault.As(fault.Invalid, err)
	}
	err = s.Machines.MachinePicture(v.r.Context(), v.who, id, raw)
	if kind := fault.Of(err); kind == fault.Unsupported || kind == fault.Exhausted {
		return s.showMachine(v, err.Error())
	}
	if err != nil {
		return err
	}
	return v.back(machineAt(id), "machine_picture")
}

// machinesFile writes the register as a table.
func (s *server) machinesFile(v *visit) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="equipment-`+pg.Today+`.csv"`)
	return equipment.WriteTable(v.w, pg.Devices)
}

// machinesCalendar writes what is due next as a calendar.
func (s *server) machinesCalendar(v *visit) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	return v.calendar("equipment-"+pg.Today+".ics", "Radagora//equipment", pg.Events(v.testName))
}

// calendar hands out days on which something is due.
func (v *visit) calendar(name, product string, events []icalendar.Event) error {
	var b bytes.Buffer
	if err := icalendar.Write(&b, product, v.now(), events); err != nil {
		return err
	}
	v.attach(name, "text/calendar; charset=utf-8")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// machineTyped reads a device as it is typed.
func (v *visit) machineTyped() equipment.Device {
	year, err := strconv.Atoi(v.field("year"))
	if err != nil && v.field("year") != "" {
		year = -1 // refused by the room, with the rule
	}
	return equipment.Device{
		ID: v.field("device"), Name: v.field("name"), Machine: v.field("machine"), Group: v.field("group"), Manufacturer: v.field("manufacturer"), Model: v.field("model"), Serial: v.field("serial"),
		Year: year, Status: equipment.Status(v.field("status")), Accepted: v.field("accepted"), Contract: v.field("contract"), ContractEnds: v.field("contract_ends"),
		Renewal: v.field("renewal"), Owner: v.field("owner"), Physicist: v.field("physicist"), SendsDose: v.field("sends_dose"), Note: v.field("note"),
	}
}

// machineKeep enters a device, or changes one.
func (s *server) machineKeep(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	d := v.machineTyped()
	id, err := s.Machines.MachineKeep(v.r.Context(), v.who, d)
	if why := said(err); why != "" {
		return s.showMachines(v, d, why)
	}
	if err != nil {
		return err
	}
	return v.back(machineAt(id), "machine_saved")
}

// machineAt is the page of a device.
func machineAt(id string) string { return machinesAt + "/of/" + url.PathEscape(id) }

// machinePage shows one device.
func (s *server) machinePage(v *visit) error { return s.showMachine(v, "") }

func (s *server) showMachine(v *visit, why string) error {
	pg, err := s.Machines.Machines(v.r.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(pg.Devices, func(d equipment.Device) bool { return d.ID == v.r.PathValue("id") })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no machine of this address")
	}
	d := pg.Devices[i]
	p := page{title: d.Name, lead: v.p.T("machine.group_" + groupKey(d.Group)), section: machinesAt, crumbs: []crumb{{v.p.T("nav.machines"), machinesAt}}}
	if why != "" {
		p.status = http.StatusBadRequest
	}
	return v.show(p, machineBody(v, pg, d, why))
}

// groupKey is a group as part of a key.
func groupKey(group string) string {
	if group == "gamma camera" {
		return "gamma_camera"
	}
	return group
}

// machineDo keeps levels, or notes a change.
func (s *server) machineDo(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	var err error
	id := v.r.PathValue("id")
	switch v.field("do") {
	case "levels":
		days, wrong := strconv.Atoi(orElse(v.field("interval"), "0"))
		if wrong != nil {
			days = -1 // refused by the room, with the rule
		}
		err = s.Machines.MachineLevels(v.r.Context(), v.who, id, v.field("test"), equipment.Levels{
			Interval: days, Off: v.field("off") != "", Sense: equipment.Sense(v.field("sense")), Action: v.field("action"), Suspension: v.field("suspension"), Source: v.field("source"),
		})
	default:
		err = s.Machines.MachineChange(v.r.Context(), v.who, equipment.Change{Device: id, Kind: v.field("kind"), Day: v.field("day"), Note: v.field("note")})
	}
	return s.machineDone(v, err)
}

// machineResult keeps the result of a test.
func (s *server) machineResult(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	return s.machineDone(v, s.Machines.MachineResult(v.r.Context(), v.who, equipment.Result{
		Device: v.r.PathValue("id"), Test: v.field("test"), Done: v.field("done"), Value: v.field("value"), Verdict: equipment.Verdict(v.field("verdict")), Note: v.field("note"),
	}))
}

// machineDone goes back to the page of a device, or says why not.
func (s *server) machineDone(v *visit, err error) error {
	if why := said(err); why != "" {
		return s.showMachine(v, why)
	}
	if err != nil {
		return err
	}
	return v.back(machineAt(v.r.PathValue("id")), "machine_saved")
}

// machineTiles are how the devices stand.
func (v *visit) machineTiles(pg MachinesPage) []face.Tile {
	active, overdue := 0, 0
	for _, d := range pg.Devices {
		if d.Status == equipment.Active {
			active++
		}
	}
	for _, p := range pg.Planned {
		if p.Overdue(pg.Today) {
			overdue++
		}
	}
	tile := func(key string, n int, bad bool) face.Tile {
		t := face.Tile{Label: v.p.T("machine." + key), Value: v.p.Count(int64(n)), Basis: v.p.T("machine.of", lang.Args{"n": len(pg.Devices)})}
		if bad {
			t.Tone = face.Attention
		}
		return t
	}
	all := []face.Tile{tile("active", active, false), tile("suspended", len(pg.Suspended), len(pg.Suspended) > 0), tile("overdue", overdue, overdue > 0)}
	all[2].Basis = v.p.T("machine.of_tests", lang.Args{"n": len(pg.Planned)})
	return all
}

// machineState is how a device stands, in words.
func (v *visit) machineState(pg MachinesPage, d *equipment.Device) string {
	if x, is := pg.Suspended[d.ID]; is {
		return v.p.T("machine.suspended_since", lang.Args{"day": v.days(x.Done)})
	}
	return v.p.T("machine.status_" + string(d.Status))
}

// machineTable lists the devices.
func (v *visit) machineTable(pg MachinesPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "machines", Caption: p.T("machine.register"), Empty: face.Nothing(p.T("machine.none"), p.T("machine.none_text")),
		Columns: []face.Column{
			{Label: p.T("machine.device"), Phone: face.Name},
			{Label: p.T("machine.age"), Numeric: true},
			{Label: p.T("machine.contract_ends")},
			{Label: p.T("machine.renewal")},
			{Label: p.T("machine.next_test")},
			{Label: p.T("machine.state"), Phone: face.Beside},
		},
	}
	next := map[string]equipment.Planned{}
	for _, x := range slices.Backward(pg.Planned) {
		if x.Due != "" {
			next[x.Device.ID] = x
		}
	}
	for i := range pg.Devices {
		d := &pg.Devices[i]
		age, test := "–", ""
		if d.Year != 0 && d.Status != equipment.Retired {
			age = p.T("machine.years", lang.Args{"n": pg.Year - d.Year})
		}
		due := next[d.ID]
		if due.Due != "" {
			test = v.testName(due.Test)
		}
		t.Rows = append(t.Rows, face.Row{ID: d.ID, Href: machineAt(d.ID), Cells: []templ.Component{
			face.Words(d.Name, p.T("machine.group_"+groupKey(d.Group))), face.Words(age, ""), face.Words(v.days(d.ContractEnds), d.Contract),
			face.Words(v.days(d.Renewal), ""), face.Words(v.days(due.Due), test), face.Words(v.machineState(pg, d), ""),
		}})
	}
	return t
}

// testName is what a test is called in the language of the page.
func (v *visit) testName(t equipment.Test) string {
	return orElse(t.Label[v.p.Tag()], t.Label["en"])
}

// ageTable holds the age of the devices against the rule.
func (v *visit) ageTable(pg MachinesPage) face.Table {
	p := v.p
	t := face.Table{ID: "ages", Caption: p.T("machine.ages"), Empty: face.Nothing(p.T("machine.no_ages"), p.T("machine.no_ages_text")), Columns: []face.Column{{Label: p.T("machine.group"), Phone: face.Name}}}
	for _, b := range pg.Bands {
		label := p.T("machine.band", lang.Args{"from": b.From, "to": b.To})
		if b.To < 0 {
			label = p.T("machine.band_open", lang.Args{"from": b.From})
		}
		key := "machine.at_most"
		if b.Least {
			key = "machine.at_least"
		}
		t.Columns = append(t.Columns, face.Column{Label: label + ", " + p.T(key, lang.Args{"share": p.Percent(b.Share)}), Numeric: true})
	}
	t.Columns = append(t.Columns, face.Column{Label: p.T("machine.rule"), Phone: face.Beside})
	for i, a := range pg.Ages {
		if a.N == 0 && a.Unknown == 0 {
			continue
		}
		name := p.T("machine.all")
		if a.Group != "" {
			name = p.T("machine.group_" + groupKey(a.Group))
		}
		cells := []templ.Component{face.Words(name, p.T("machine.counted", lang.Args{"n": a.N, "unknown": a.Unknown}))}
		met := a.N > 0
		for j := range pg.Bands {
			share := "–"
			if a.N > 0 {
				share = p.Percent(a.Shares[j])
			}
			cells, met = append(cells, face.Words(share, p.Count(int64(a.Counts[j])))), met && a.Met[j]
		}
		word := p.T("machine.rule_missed")
		switch {
		case a.N == 0:
			word = "–"
		case met:
			word = p.T("machine.rule_met")
		}
		t.Rows = append(t.Rows, face.Row{ID: "a" + strconv.Itoa(i), Cells: append(cells, face.Words(word, ""))})
	}
	return t
}

// levelWords says what a site demands of a test.
func (v *visit) testLevels(l equipment.Levels, unit string) string {
	if l.Action == "" && l.Suspension == "" {
		return v.p.T("machine.no_levels")
	}
	return v.p.T("machine.levels_are", lang.Args{
		"sense": v.p.T("machine.sense_" + string(l.Sense)), "action": orElse(l.Action, "–"), "suspension": orElse(l.Suspension, "–"), "unit": unit, "source": l.Source,
	})
}

// deviceTests are the tests of one device with what they came to last.
func (v *visit) deviceTests(pg MachinesPage, id string) face.Table {
	p := v.p
	t := face.Table{ID: "tests", Caption: p.T("machine.tests"), Empty: face.Nothing(p.T("machine.no_tests"), p.T("machine.no_tests_text")), Columns: []face.Column{
		{Label: p.T("machine.test"), Phone: face.Name}, {Label: p.T("machine.reference")}, {Label: p.T("machine.last")}, {Label: p.T("machine.due"), Phone: face.Beside},
	}}
	for _, x := range pg.Planned {
		if x.Device.ID != id {
			continue
		}
		value, verdict := "–", ""
		if x.Last != nil {
			value, verdict = orElse(x.Last.Value, p.T("machine.verdict_"+string(x.Last.Verdict))), p.T("machine.verdict_"+string(x.Last.Verdict))+", "+v.days(x.Last.Done)
		}
		due := ""
		if x.Overdue(pg.Today) {
			due = p.T("machine.is_overdue")
		}
		t.Rows = append(t.Rows, face.Row{ID: x.Test.ID, Cells: []templ.Component{
			face.Words(v.testName(x.Test), x.Test.ID+", "+p.T("machine.every", lang.Args{"n": x.Interval})), face.Words(v.testLevels(x.Levels, x.Test.Result), ""),
			face.Words(value, verdict), face.Words(v.days(x.Due), due),
		}})
	}
	return t
}

// deviceResults are what the tests of a device came to, the latest first.
func (v *visit) deviceResults(pg MachinesPage, id string) face.Table {
	p := v.p
	names := map[string]string{}
	for _, x := range pg.Planned {
		names[x.Test.ID] = v.testName(x.Test)
	}
	t := face.Table{ID: "results", Caption: p.T("machine.results"), Dense: true, Empty: face.Nothing(p.T("machine.no_results"), p.T("machine.no_results_text")), Columns: []face.Column{
		{Label: p.T("machine.test"), Phone: face.Name}, {Label: p.T("machine.done")}, {Label: p.T("machine.value")}, {Label: p.T("machine.verdict"), Phone: face.Beside}, {Label: p.T("machine.reference")}, {Label: p.T("machine.by")},
	}}
	for _, x := range pg.Results {
		if x.Device == id && len(t.Rows) < mostResults {
			t.Rows = append(t.Rows, face.Row{ID: x.ID, Cells: []templ.Component{
				face.Words(orElse(names[x.Test], x.Test), x.Note), face.Words(v.days(x.Done), ""), face.Words(orElse(x.Value, "–"), ""), face.Words(p.T("machine.verdict_"+string(x.Verdict)), ""),
				face.Words(v.testLevels(x.Levels, ""), ""), face.Words(x.By, ""),
			}})
		}
	}
	return t
}

// mostResults is how many results the page of a device shows.
const mostResults = 100

// deviceFacts are what the register holds of a device.
func (v *visit) deviceFacts(pg MachinesPage, d *equipment.Device) []face.Fact {
	p := v.p
	year := "–"
	if d.Year != 0 {
		year = strconv.Itoa(d.Year)
	}
	var all []face.Fact
	for _, f := range [][2]string{
		{"state", v.machineState(pg, d)},
		{"made", d.Manufacturer + " " + d.Model + " " + d.Serial},
		{"year", year},
		{"accepted", v.days(d.Accepted)},
		{"contract", orElse(d.Contract, "–")},
		{"contract_ends", v.days(d.ContractEnds)},
		{"renewal", v.days(d.Renewal)},
		{"owner", orElse(d.Owner, "–")},
		{"physicist", orElse(d.Physicist, "–")},
		{"note", orElse(d.Note, "–")},
	} {
		all = append(all, face.Fact{Label: p.T("machine." + f[0]), Value: f[1]})
	}
	for _, c := range pg.Changes {
		if c.Device == d.ID {
			all = append(all, face.Fact{Label: p.T("machine.change_" + c.Kind), Value: v.days(c.Day), Origin: c.Note})
		}
	}
	return all
}

// testChoices are the tests of a device, to choose one.
func (v *visit) testChoices(pg MachinesPage, id string) (all []face.Choice) {
	for _, x := range pg.Planned {
		if x.Device.ID == id {
			all = append(all, face.Choice{Code: x.Test.ID, Label: v.testName(x.Test)})
		}
	}
	return all
}

// groupChoices are the groups of equipment.
func (v *visit) groupChoices() (all []face.Choice) {
	for _, g := range equipment.Groups() {
		all = append(all, face.Choice{Code: g, Label: v.p.T("machine.group_" + groupKey(g))})
	}
	return all
}

// statusChoices are the statuses of a device.
func (v *visit) statusChoices() (all []face.Choice) {
	for _, s := range equipment.Statuses() {
		all = append(all, face.Choice{Code: string(s), Label: v.p.T("machine.status_" + string(s))})
	}
	return all
}

// yearText is a year as it is typed.
func yearText(year int) string {
	if year <= 0 {
		return ""
	}
	return strconv.Itoa(year)
}

// overdueDays is how long a test is overdue, in words.
func (v *visit) overdueDays(due, today string) string {
	a, err := time.Parse(time.DateOnly, due)
	b, err2 := time.Parse(time.DateOnly, today)
	if err != nil || err2 != nil || !a.Before(b) {
		return v.p.T("machine.due_today")
	}
	return v.p.T("machine.overdue_days", lang.Args{"n": int(b.Sub(a).Hours() / 24)})
}
