package connect_test

import (
	"strings"
	"testing"

	"radagora/connect"
	"radagora/db/dbtest"
	"radagora/worklist"
)

// TestOrdersNumberedAlike: two systems number their orders alike. The order of one is not
// made that of a patient of the other, or cancelled by it; whose order it is, its own
// sender may say.
func TestOrdersNumberedAlike(t *testing.T) {
	const erika, otto = "4711^^^HIS^PI||Muster^Erika||19800203|F", "815^^^HIS^PI||Fremd^Otto||19500101|M"
	alone := []string{"F1", "", "A1", "", "RP1", ""} // the placer's number is all that is alike
	for _, c := range []struct {
		name, sender, control, became, want string
	}{
		{"a new order of another sender", "KIS|H", "NW", "waiting ambiguous", "HIS 4711 Muster^Erika scheduled"},
		{"its cancellation", "KIS|H", "CA", "waiting ambiguous", "HIS 4711 Muster^Erika scheduled"},
		{"the same sender says that it is another's", "RIS|H", "XO", "applied done", "HIS 815 Fremd^Otto scheduled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
			k.accept(nil)
			_, err := k.SetChannel(k.ctx, connect.Channel{Site: at, Application: "KIS", Facility: "H", State: connect.Accepted})
			k.check(err)
			k.send(order("NW", 1))
			other := strings.Replace(strings.Replace(string(order(c.control, 2, alone...)), erika, otto, 1), "RIS|H", c.sender, 1)
			ids := k.send([]byte(other))
			entries, err := k.worklist.List(k.ctx, at, worklist.Filter{From: "2026-01-01", To: "2027-12-31"})
			k.check(err)
			var got []string
			for _, e := range entries {
				p := e.Order.Patient
				got = append(got, strings.Join([]string{p.Issuer, p.ID, p.Name, string(e.Step.State)}, " "))
			}
			if list := strings.Join(got, "; "); list != c.want || k.became(ids[0]) != c.became {
				t.Errorf("worklist: %s, the message became %s; want %s, %s", list, k.became(ids[0]), c.want, c.became)
			}
		})
	}
}

// TestSharedNumbers: the number of a contract, which a family has in common, makes no two
// people one; where it is all there is, it says who is meant.
func TestSharedNumbers(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	k.send(
		message("ADT^A28", 1, "EVN|A28", "PID|1||1^^^HIS^PI~M9^^^INS^MB||Muster^Hans||19600101|M"),
		message("ADT^A28", 2, "EVN|A28", "PID|1||M9^^^INS^MB~2^^^HIS^PI||Muster^Lisa||20150101|F"),
		message("ADT^A28", 3, "EVN|A28", "PID|1||V5^^^HIS^VN||Muster^Max||20100101|M"),
	)
	for key, want := range map[string]string{
		"HIS|1": "name=Muster^Hans birth_date=1960-01-01 sex=M", "HIS|2": "name=Muster^Lisa birth_date=2015-01-01 sex=F",
		"INS|M9": "", "HIS|V5": "name=Muster^Max birth_date=2010-01-01 sex=M",
	} {
		if got := k.known(key); got != want {
			t.Errorf("%s: %q; want %q", key, got, want)
		}
	}
}

// TestClockAhead: a sender whose clock is years ahead does not have the last word for years.
func TestClockAhead(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	k.accept(nil)
	wrong := strings.Replace(string(order("NW", 1)), "|20261122", "|20621122", 1)
	ids := k.send([]byte(wrong), order("XO", 185, "081500", "101500"))
	if got := k.became(ids[1]) + ", " + k.listed(); got != "applied done, A1 scheduled 2026-11-23T10:15:00 CT CT1 Muster^Erika" {
		t.Errorf("after a message of the future: %s", got)
	}
	if m, err := k.Message(k.ctx, at, ids[0]); err != nil || len(m.Detail) != 1 || m.Detail[0].At != "MSH-7" {
		t.Errorf("the message of the future: %+v, %v", m.Detail, err)
	}
}
