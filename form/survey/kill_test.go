package survey_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"radagora/db/dbtest"
	"radagora/form"
	"radagora/form/survey"
)

// Where the child of TestKill finds the database, and what address it uses.
const (
	childDSN  = "RADAGORA_TEST_SURVEY_DSN"
	childLink = "RADAGORA_TEST_SURVEY_LINK"
)

// TestChild answers a survey until it is killed, and says so after each answer that was
// sent.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("only for TestKill, which starts it")
	}
	k, _ := openDesk(t, dbtest.Open(t, dsn))
	for n := 1; ; n++ {
		mine, err := k.Begin(t.Context(), os.Getenv(childLink), "en")
		check(t, err)
		_, err = k.Save(t.Context(), mine, 1, []form.Edit{{Path: "kind", Texts: []string{"0"}}}, true)
		check(t, err)
		fmt.Println("sent", n)
	}
}

// TestKill kills the program while people answer an anonymous survey, again and again:
// every answer that was acknowledged is counted, and none twice.
func TestKill(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		k, _ := newDesk(t, d)
		p := plan()
		p.Link = true
		s, link := opened(t, k, survey.Anonymous, p)
		sent := 0
		for round := range 3 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
			cmd.Env = append(os.Environ(), childDSN+"="+dsn, childLink+"="+link)
			out, err := cmd.StdoutPipe()
			check(t, err)
			check(t, cmd.Start())
			lines, now := bufio.NewScanner(out), 0
			for lines.Scan() {
				if _, err := fmt.Sscanf(lines.Text(), "sent %d", &now); err == nil && now >= 4+round {
					break
				}
			}
			check(t, cmd.Process.Kill()) // in the middle of the next one
			for lines.Scan() {
				_, _ = fmt.Sscanf(lines.Text(), "sent %d", &now)
			}
			_ = cmd.Wait()
			sent += now
			c, err := k.Counts(t.Context(), house, s.ID)
			check(t, err)
			if c.Complete < sent || c.Complete > sent+1 || c.Begun < c.Complete || c.Begun > sent+round+1 {
				t.Fatalf("round %d: %d sent and %d begun are kept, %d were acknowledged", round, c.Complete, c.Begun, sent)
			}
			sent = c.Complete
			check(t, k.Due(t.Context()))
			if again, err := k.Counts(t.Context(), house, s.ID); err != nil || again != c {
				t.Fatalf("round %d: %+v after rows were moved, %+v before (%v)", round, again, c, err)
			}
		}
	})
}
