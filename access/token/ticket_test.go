package token_test

import (
	"net/netip"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/token"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// TestTicket: a ticket opens one study, for half an hour, until it is taken back or
// whoever had it made leaves, and never more than that.
func TestTicket(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		id := s.user("rad", access.At("north", access.Radiologist)...)
		ctx, from := s.judged(s.as(id)), netip.MustParseAddr("192.0.2.1")
		view := token.View{Site: "north", Study: "1.2.3", Person: "|A", Name: "Weasis"}
		secret, made, err := s.reg.Issue(ctx, view)
		if err != nil || !token.IsTicket(secret) || !made.Expires.Equal(s.now().Add(token.TicketLife)) {
			t.Fatalf("issue: %+v, %v", made, err)
		}
		who, err := s.reg.Admit(t.Context(), from, secret)
		if err != nil || who.ID != id || who.Study != "1.2.3" || who.Session != made.ID || who.Door != "api" {
			t.Fatalf("admit: %+v, %v", who, err)
		}
		in := s.judged(access.With(t.Context(), who))
		for _, c := range []struct {
			name string
			act  access.Act
			of   access.Subject
			want bool
		}{
			{"the study", access.ObjectRead, access.Subject{Site: "north", Study: "1.2.3", Person: "|A"}, true},
			{"whose it is", access.IdentityRead, access.Subject{Site: "north", Study: "1.2.3", Person: "|A"}, true},
			{"another study of the patient", access.ObjectRead, access.Subject{Site: "north", Study: "1.2.4", Person: "|A"}, false},
			{"the patient", access.ObjectRead, access.Subject{Site: "north", Person: "|A"}, false},
			{"the study at another site", access.ObjectRead, access.Subject{Site: "south", Study: "1.2.3"}, false},
			{"sending it", access.ObjectSend, access.Subject{Site: "north", Study: "1.2.3"}, false},
			{"pages", access.PageRead, access.Subject{Site: "north"}, false},
			{"all studies", access.StudyFind, access.Subject{Site: "north"}, false},
		} {
			if got := access.Can(in, c.act, c.of); got != c.want {
				t.Errorf("%s: %v; want %v", c.name, got, c.want)
			}
		}
		reach, err := access.ReachOf(in, access.ObjectRead, "north")
		if want := (access.Reach{Study: "1.2.3", Identity: true}); err != nil || reach != want {
			t.Errorf("within reach: %+v, %v; want %+v", reach, err, want)
		}
		if _, _, err := s.reg.Issue(in, view); fault.Of(err) != fault.Forbidden || err == nil {
			t.Errorf("a ticket made by a ticket: %v", err)
		}
		if list, err := s.reg.Tickets(ctx, "north", "1.2.3"); err != nil || len(list) != 1 || list[0].Name != "Weasis" {
			t.Errorf("tickets: %+v, %v", list, err)
		}
		other := s.judged(s.as(s.user("other", access.At("north", access.Radiologist)...)))
		if err := s.reg.TakeBack(other, made.ID); err == nil || fault.Of(err) != fault.NotFound {
			t.Errorf("taken back by somebody else: %v", err)
		}
		if err := s.reg.TakeBack(ctx, made.ID); err != nil {
			t.Fatal(err)
		}
		refused := func(what, secret string) {
			t.Helper()
			if who, err := s.reg.Admit(t.Context(), from, secret); err == nil || fault.Of(err) != fault.Forbidden {
				t.Errorf("%s: %+v, %v", what, who, err)
			}
		}
		refused("taken back", secret)
		late, _, err := s.reg.Issue(ctx, view)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.reg.Verify(t.Context(), late); err == nil {
			t.Error("a ticket serves as an API token")
		}
		s.wait(token.TicketLife - time.Second)
		if _, err := s.reg.Admit(t.Context(), from, late); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		s.wait(time.Second)
		refused("over", late)
		refused("no ticket", "rav_nothing")
	})
}

// TestTicketNeedsTheStudy: who may not read the study gets no ticket for it.
func TestTicketNeedsTheStudy(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newStage(t, d, nil)
		ctx := s.judged(s.as(s.user("admin", access.At("north", access.Administrator)...)))
		_, _, err := s.reg.Issue(ctx, token.View{Site: "north", Study: "1.2.3", Person: "|A", Name: "Weasis"})
		if err == nil || fault.Of(err) != fault.Forbidden {
			t.Errorf("an administrator: %v", err)
		}
	})
}
