package connect_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/connect"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/person"
	"radagora/site"
	"radagora/worklist"
)

const at = site.Default

// A desk is a register with the rooms it works with, all of them real.
type desk struct {
	*connect.Register
	t        *testing.T
	db       *db.DB
	jobs     *job.Queue
	people   *person.Register
	worklist *worklist.Register
	journal  *journal.Journal
	doses    doses
	shelf    shelf
	ctx      context.Context // of a data steward

	mu  sync.Mutex
	now time.Time
}

func (k *desk) clock() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.now
}

func (k *desk) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, db: d, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Now: k.clock, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond})
	k.check(err)
	k.journal = j
	k.check(d.Migrate(t.Context(), "access", access.Migrations()))
	library, err := content.Open()
	k.check(err)
	rules, err := access.NewRules(library)
	k.check(err)
	facts := &access.Facts{DB: d, Journal: j, Now: k.clock}
	judge := &access.Judge{Rules: rules, Facts: facts, Open: false, Now: k.clock}
	sites, err := site.Open(t.Context(), d, j, k.clock)
	k.check(err)
	s, err := sites.Site(t.Context(), at)
	k.check(err)
	s.Timezone, s.Country, s.Name = "Europe/Berlin", "DE", "Test"
	k.check(sites.Change(t.Context(), "u1", s))
	table, err := library.Table("", "person/plausible", "settings")
	k.check(err)
	values := map[string]float64{}
	for row := range table.All() {
		values[row.Text("key")], _ = row.Number("value")
	}
	bounds, err := person.NewBounds(values)
	k.check(err)
	k.people, err = person.Open(t.Context(), person.Config{
		DB: d, Journal: j, Facts: facts, Bounds: bounds, Now: k.clock,
		Noted: func(ctx context.Context, tx *db.Tx, site string, keys []string) error {
			return k.worklist.Reface(ctx, tx, site, keys)
		},
	})
	k.check(err)
	k.worklist, err = worklist.Open(t.Context(), worklist.Config{
		DB: d, Journal: j, Sites: sites, Person: archive.Person, Fold: archive.Fold, Keys: k.people.KeysIn, Now: k.clock, Random: rand.Reader,
		Face: connect.Faces{People: k.people, Key: archive.Person, Bounds: bounds, Now: k.clock}.Of,
	})
	k.check(err)
	k.jobs, err = job.Open(t.Context(), d, j, job.Options{Poll: 5 * time.Millisecond, Pause: time.Millisecond})
	k.check(err)
	k.Register, err = connect.Open(t.Context(), connect.Config{
		DB: d, Journal: j, Jobs: k.jobs, Content: library, Sites: sites, People: k.people, Orders: k.worklist, Key: archive.Person, Judge: judge,
		Bounds: bounds, Now: k.clock, Doses: &k.doses, Records: &k.shelf,
		Line:     connect.Line{Answer: 300 * time.Millisecond, Pause: 10 * time.Millisecond, Longest: 40 * time.Millisecond},
		Stations: func(_ context.Context, _, modality string) ([]string, error) { return []string{modality + "1"}, nil },
	})
	k.check(err)
	k.ctx = access.WithJudge(access.With(t.Context(), access.Who{ID: "u1", Grants: access.Everywhere(access.Steward), SignedAt: k.now}), judge)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{j.Run, k.people.Run, k.jobs.Run, k.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("background: %v", err)
			}
		})
	}
	t.Cleanup(func() { stop(); wg.Wait() })
	return k
}

// accept makes the sender RIS of hospital H a channel.
func (k *desk) accept(change func(*connect.Channel)) connect.Channel {
	k.t.Helper()
	c := connect.Channel{Site: at, Application: "RIS", Facility: "H", State: connect.Accepted, UseSizes: true}
	if change != nil {
		change(&c)
	}
	id, err := k.SetChannel(k.ctx, c)
	k.check(err)
	c.ID = id
	return c
}

// message writes one of the sender, of a minute of the day.
func message(kind string, minute int, segments ...string) []byte {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute).Format("20060102150405") // local time of the sender
	head := fmt.Sprintf(`MSH|^~\&|RIS|H|RADAGORA|H|%s||%s|C%d-%d|P|2.5.1|||||||UNICODE UTF-8`, at, kind, minute, len(strings.Join(segments, "")))
	return []byte(strings.Join(append([]string{head}, segments...), "\r") + "\r")
}

// send receives messages and waits until they had their turn.
func (k *desk) send(bodies ...[]byte) (ids []string) {
	k.t.Helper()
	for _, b := range bodies {
		got, err := k.Receive(k.t.Context(), connect.Arrival{Site: at, Body: b, Address: "10.1.2.3"})
		k.check(err)
		ids = append(ids, got.ID)
	}
	k.settle()
	return ids
}

func (k *desk) settle() {
	k.t.Helper()
	k.settleIn(time.Minute)
}

func (k *desk) settleIn(limit time.Duration) {
	k.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		list, err := k.Messages(k.ctx, at, connect.Filter{States: []connect.State{connect.Received}, Limit: 1})
		k.check(err)
		if len(list) == 0 {
			return
		}
		if time.Now().After(end) {
			k.t.Fatalf("%d messages wait for their turn", len(list))
		}
	}
}

// became says what became of a message.
func (k *desk) became(id string) string {
	k.t.Helper()
	m, err := k.Message(k.ctx, at, id)
	k.check(err)
	return string(m.State) + " " + m.Reason
}

// known says what is known of somebody.
func (k *desk) known(key string) string {
	k.t.Helper()
	all, err := k.people.Known(k.t.Context(), k.db, at, key, time.Time{})
	k.check(err)
	var list []string
	for _, kind := range []person.FactKind{person.Name, person.BirthDate, person.Sex, person.Deceased, person.Height, person.Weight, person.Pregnancy} {
		if f, ok := all[kind]; ok {
			list = append(list, string(kind)+"="+f.Value)
		}
	}
	return strings.Join(list, " ")
}

const pid = "PID|1||4711^^^HIS^PI||Muster^Erika||19800203|F"

func TestPersonsFromMessages(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages [][]byte
		key      string
		want     string
	}{
		{"an admission", [][]byte{message("ADT^A01", 1, "EVN|A01|20261122100000+0000", pid, "PV1|1|I|W1^12")}, "HIS|4711", "name=Muster^Erika birth_date=1980-02-03 sex=F"},
		{"an older message after a newer one", [][]byte{
			message("ADT^A08", 5, "EVN|A08", strings.Replace(pid, "Muster^", "Neu^", 1)), message("ADT^A08", 1, "EVN|A08", pid),
		}, "HIS|4711", "name=Neu^Erika birth_date=1980-02-03 sex=F"},
		{"empty changes nothing, a null deletes", [][]byte{
			message("ADT^A08", 1, "EVN|A08", pid), message("ADT^A08", 2, "EVN|A08", `PID|1||4711^^^HIS^PI||""||`),
		}, "HIS|4711", "birth_date=1980-02-03 sex=F"},
		{
			"sizes with units",
			[][]byte{message("ADT^A08", 1, "EVN|A08", pid, "OBX|1|NM|8302-2^Height^LN||172|cm|||||F", "OBX|2|NM|29463-7^Weight^LN||70500|g|||||F")},
			"HIS|4711", "name=Muster^Erika birth_date=1980-02-03 sex=F height=1.72 weight=70.5",
		},
		{"a height of 17 m is not used, a size without unit is none", [][]byte{
			message("ADT^A08", 1, "EVN|A08", pid, "OBX|1|NM|8302-2^Height^LN||17|m|||||F", "OBX|2|NM|29463-7^Weight^LN||70||||||F"),
		}, "HIS|4711", "name=Muster^Erika birth_date=1980-02-03 sex=F"},
		{"a merge, before anything is known", [][]byte{
			message("ADT^A40", 3, "EVN|A40", pid, "MRG|815^^^HIS^PI"), message("ADT^A01", 1, "EVN|A01", strings.Replace(pid, "4711", "815", 1)),
		}, "HIS|4711", "name=Muster^Erika birth_date=1980-02-03 sex=F"},
		{"numbers of two issuers are one person", [][]byte{
			message("ADT^A28", 1, "EVN|A28", "PID|1||4711^^^HIS^PI~99^^^NAT^NI||Muster^Erika"),
		}, "NAT|99", "name=Muster^Erika"},
		{"of one issuer are left to people", [][]byte{message("ADT^A28", 1, "EVN|A28", "PID|1||4711^^^HIS^PI~12^^^HIS^PI||Muster^Erika")}, "HIS|12", ""},
		{"a moved visit moves nobody", [][]byte{
			message("ADT^A28", 1, "EVN|A28", pid), message("ADT^A44", 2, "EVN|A44", "PID|1||815^^^HIS^PI||Other^A", "MRG|4711^^^HIS^PI"),
		}, "HIS|815", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.accept(nil)
				k.send(c.messages...)
				if got := k.known(c.key); got != c.want {
					t.Errorf("known: %q; want %q", got, c.want)
				}
				again := k.send(c.messages...)
				for _, id := range again {
					if got := k.became(id); !strings.HasPrefix(got, "duplicate ") {
						t.Errorf("sent again, it became %s", got)
					}
				}
			})
		})
	}
}

// order is an ORM of an order.
func order(control string, minute int, change ...string) []byte {
	return message("ORM^O01", minute, pid, "PV1|1|O|||||||Arzt^Anna",
		strings.NewReplacer(change...).Replace("ORC|"+control+"|P1|F1||||^^^20261123081500"),
		strings.NewReplacer(change...).Replace("OBR|1|P1|F1|CTABD^CT abdomen^L||||||||||||||A1|RP1|S1||||CT|||^^^20261123081500||||abdominal pain"))
}

// listed says what is on the worklist, as accession state start modality.
func (k *desk) listed() string {
	k.t.Helper()
	entries, err := k.worklist.List(k.ctx, at, worklist.Filter{From: "2026-01-01", To: "2027-12-31"})
	k.check(err)
	var list []string
	for _, e := range entries {
		list = append(list, strings.Join([]string{e.Order.Accession, string(e.Step.State), e.Step.Start, e.Step.Modality, strings.Join(e.Step.Stations, "+"), e.Order.Patient.Name}, " "))
	}
	return strings.Join(list, "; ")
}

func TestOrdersFromMessages(t *testing.T) {
	const planned = "A1 scheduled 2026-11-23T08:15:00 CT CT1 Muster^Erika"
	for _, c := range []struct {
		name     string
		messages [][]byte
		want     string
		last     string
	}{
		{"a new order", [][]byte{order("NW", 1)}, planned, "applied done"},
		{"moved to another time", [][]byte{order("NW", 1), order("XO", 2, "081500", "101500")}, strings.Replace(planned, "08:15", "10:15", 1), "applied done"},
		{
			"an older change after a newer one",
			[][]byte{order("NW", 1), order("XO", 3, "081500", "101500"), order("XO", 2, "081500", "091500")},
			strings.Replace(planned, "08:15", "10:15", 1), "applied late",
		},
		{"cancelled", [][]byte{order("NW", 1), order("CA", 2)}, strings.Replace(planned, "scheduled", "cancelled", 1), "applied done"},
		{"cancelled before it came", [][]byte{order("CA", 2), order("NW", 1)}, strings.Replace(planned, "scheduled", "cancelled", 1), "applied done"},
		{"ordered again after it was cancelled", [][]byte{order("NW", 1), order("CA", 2), order("NW", 3)}, strings.Replace(planned, "scheduled", "cancelled", 1) + "; " + planned, "applied done"},
		{"a status says nothing", [][]byte{order("NW", 1), order("SC", 2)}, planned, "applied late"},
		{"two procedures under one accession number", [][]byte{order("NW", 1), order("NW", 1, "P1", "P2", "F1", "F2", "RP1", "RP2", "CTABD^CT abdomen", "CTCHE^CT chest")}, planned + "; " + planned, "applied done"},
		{"the name changes", [][]byte{order("NW", 1), order("XO", 2, "", "")}, planned, "applied late"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.accept(nil)
			ids := k.send(c.messages...)
			for _, id := range ids {
				if m, err := k.Message(k.ctx, at, id); err == nil && len(m.Detail) > 0 {
					t.Errorf("%s: %+v", m.State, m.Detail)
				}
			}
			if got := k.became(ids[len(ids)-1]); c.name != "the name changes" && c.name != "a status says nothing" && got != c.last {
				t.Errorf("the last became %q; want %q", got, c.last)
			}
			if got := k.listed(); got != c.want {
				t.Errorf("worklist: %q\nwant: %q", got, c.want)
			}
		})
	}
}

func TestUnknownSenders(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	_, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: message("ADT^A01", 1, pid), Address: "10.1.2.3"})
	if fault.Of(err) != fault.Forbidden {
		t.Fatalf("an unknown sender: %v", err)
	}
	all, err := k.Channels(k.ctx, at)
	if err != nil || len(all) != 1 || all[0].State != connect.Knocking || all[0].Knocked != 1 || all[0].LastFrom != "10.1.2.3" {
		t.Fatalf("channels: %+v, %v", all, err)
	}
	c := all[0]
	c.State, c.Addresses, c.UseSizes = connect.Held, []string{"10.1.0.0/16"}, true
	_, err = k.SetChannel(k.ctx, c)
	k.check(err)
	held := k.send(message("ADT^A01", 1, pid))
	if got := k.became(held[0]); got != "waiting held" {
		t.Errorf("of a held sender: %s", got)
	}
	if _, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: message("ADT^A01", 2, pid), Address: "10.9.2.3"}); fault.Of(err) != fault.Forbidden {
		t.Errorf("from elsewhere: %v", err)
	}
	c.State = connect.Accepted
	_, err = k.SetChannel(k.ctx, c)
	k.check(err)
	k.settle()
	if got := k.became(held[0]); got != "applied done" {
		t.Errorf("accepted: %s", got)
	}
	for _, change := range []func(*connect.Channel){
		func(c *connect.Channel) { c.Application = "" },
		func(c *connect.Channel) { c.Zone = "Mars/Olympus" },
		func(c *connect.Channel) { c.Addresses = []string{"everywhere"} },
		func(c *connect.Channel) { c.State = connect.Knocking },
		func(c *connect.Channel) { c.Silence = -1 },
	} {
		bad := c
		change(&bad)
		if _, err := k.SetChannel(k.ctx, bad); fault.Of(err) != fault.Invalid {
			t.Errorf("kept %v: %v", bad.State, err)
		}
	}
	c.Mapping = "no/such"
	if _, err := k.SetChannel(k.ctx, c); fault.Of(err) != fault.NotFound {
		t.Errorf("a mapping that is none: %v", err)
	}
}

func TestReplay(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(func(c *connect.Channel) { c.WaitUnknown = true })
	ids := k.send(message("ADT^A08", 1, "EVN|A08", pid), []byte("MSH|^~\\&|RIS|H\rPID|1||\x00LEAK^CANARY"), message("ADT^A08", 2, "EVN|A08", "PID|1||^^^HIS"))
	for i, want := range []string{"waiting unknown_person", "failed ", "failed no_person"} {
		if got := k.became(ids[i]); !strings.HasPrefix(got, want) {
			t.Errorf("message %d: %s; want %s", i, got, want)
		}
	}
	if _, err := k.Replay(k.ctx, at, ids[0], nil, ""); fault.Of(err) != fault.Invalid {
		t.Errorf("without a reason: %v", err)
	}
	k.check(k.Remove(k.ctx, at, ids[1], "garbage"))
	if _, err := k.Replay(k.ctx, at, ids[2], []byte("MSH|^~\\&|RIS|H\rPID|1||\x00\r"), "x"); err == nil {
		t.Error("a correction that cannot be read was taken")
	}
	turn, err := k.Replay(k.ctx, at, ids[2], message("ADT^A08", 2, "EVN|A08", pid), "the number was left out")
	k.check(err)
	k.settle()
	if got := k.became(turn) + ", " + k.became(ids[2]); !strings.HasPrefix(got, "waiting unknown_person, replaced") {
		t.Errorf("corrected: %s", got)
	}
	c, err := k.Channels(k.ctx, at)
	k.check(err)
	c[0].WaitUnknown = false
	_, err = k.SetChannel(k.ctx, c[0])
	k.check(err)
	_, err = k.Replay(k.ctx, at, turn, nil, "known now")
	k.check(err)
	k.settle()
	if got := k.became(turn); got != "applied done" {
		t.Errorf("replayed: %s", got)
	}
	traffic, err := k.Traffic(k.ctx, at)
	if err != nil || len(traffic) != 1 || traffic[0].Hour != 4 || traffic[0].Day != 4 || traffic[0].Counts[connect.Waiting] != 1 || traffic[0].Counts[connect.Failed] != 0 {
		t.Errorf("traffic: %+v, %v", traffic, err)
	}
	nobody := access.With(k.ctx, access.Who{ID: "u2", Grants: access.Everywhere(access.Administrator)})
	if _, err := k.Message(nobody, at, turn); fault.Of(err) != fault.Forbidden {
		t.Errorf("an administrator reads a message: %v", err)
	}
	if list, err := k.Messages(nobody, at, connect.Filter{}); err != nil || len(list) != 4 || list[0].Body != nil {
		t.Errorf("an administrator lists messages: %d, %v", len(list), err)
	}
}

func TestErase(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	k.send(order("NW", 1))
	who := access.Person{Site: at, ID: "HIS|4711"}
	roll, err := k.Persons(t.Context(), k.db)
	if err != nil || len(roll) != 1 || roll[0] != who {
		t.Fatalf("roll: %v, %v", roll, err)
	}
	n := 0
	for _, err := range k.Export(t.Context(), who) {
		k.check(err)
		n++
	}
	if n != 1 {
		t.Errorf("%d exported", n)
	}
	k.check(k.db.Write(t.Context(), func(tx *db.Tx) error {
		n, err = k.Erase(t.Context(), tx, who)
		return err
	}))
	if roll, err := k.Persons(t.Context(), k.db); err != nil || len(roll) != 0 || n < 2 {
		t.Errorf("erased %d, left %d, %v", n, len(roll), err)
	}
}

// TestStrangersAreForgotten lets more strangers send than are remembered: those that
// were heard least lately go, and who was accepted stays.
func TestStrangersAreForgotten(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	own := k.accept(nil)
	const strangers = 503
	for i := range strangers {
		body := bytes.Replace(message("ADT^A01", 1, pid), []byte("|RIS|H|"), fmt.Appendf(nil, "|S%04d|H|", i), 1)
		if _, err := k.Receive(t.Context(), connect.Arrival{Site: at, Body: body, Address: "10.1.2.3"}); fault.Of(err) != fault.Forbidden {
			t.Fatalf("stranger %d: %v", i, err)
		}
	}
	all, err := k.Channels(k.ctx, at)
	k.check(err)
	named := map[string]bool{}
	for _, c := range all {
		named[c.Application] = true
	}
	if len(all) != 500+1 || !named[own.Application] || !named[fmt.Sprintf("S%04d", strangers-1)] {
		t.Errorf("%d channels, our own %v, the last stranger %v", len(all), named[own.Application], named[fmt.Sprintf("S%04d", strangers-1)])
	}
}

// TestSaysAsItWasRead reads a kept message with the time zone and character set of its
// channel, as it was read when it came.
func TestSaysAsItWasRead(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(func(c *connect.Channel) { c.Zone, c.Charset = "Asia/Tokyo", "8859/1" })
	body := bytes.Replace(message("ADT^A08", 1, "EVN|A08", "PID|1||123^^^H||M\xfcller^Anna||19700203|F"), []byte("UNICODE UTF-8"), nil, 1)
	id := k.send(body)[0]
	m, err := k.Message(k.ctx, at, id)
	k.check(err)
	_, e, err := k.Says(k.ctx, m)
	k.check(err)
	name := ""
	for _, f := range e.Patient.Facts {
		if f.Kind == person.Name {
			name = f.Value
		}
	}
	if want := time.Date(2026, 11, 22, 2, 1, 0, 0, time.UTC); !e.At.Equal(want) || !m.Event.Equal(want) || name != "Müller^Anna" {
		t.Errorf("says %v of %v, was read as of %v; name %q", want, e.At, m.Event, name)
	}
	nobody := access.With(k.ctx, access.Who{ID: "u2", Grants: access.Everywhere(access.Administrator)})
	if _, _, err := k.Says(nobody, m); fault.Of(err) != fault.Forbidden {
		t.Errorf("an administrator reads what it says: %v", err)
	}
}
