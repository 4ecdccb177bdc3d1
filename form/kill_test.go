package form_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"radagora/db/dbtest"
	"radagora/form"
)

// Where the child of TestKill finds the database, and what it answers.
const (
	childDSN      = "RADAGORA_TEST_FORM_DSN"
	childResponse = "RADAGORA_TEST_FORM_RESPONSE"
)

// TestChild saves answers until it is killed, and says so after each.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("only for TestKill, which starts it")
	}
	k := &form.Desk{DB: dbtest.Open(t, dsn), Journal: &noted{}, Now: time.Now}
	id := os.Getenv(childResponse)
	r, s, err := k.Response(t.Context(), house, id)
	check(t, err)
	n := 0
	if a := s.Find("ct/rows").Answers; len(a) > 0 {
		n, err = strconv.Atoi(a[0].Value.Text())
		check(t, err)
	}
	for {
		n++
		saved, _, err := k.Save(t.Context(), house, id, r.Revision, []form.Edit{{Path: "ct/rows", Texts: []string{strconv.Itoa(n)}}, {Path: "name", Texts: []string{fmt.Sprintf("room %d", n)}}}, "", "child")
		check(t, err)
		r = saved.Response
		fmt.Println("saved", n)
	}
}

// TestKill kills who saves answers, again and again: every answer that was acknowledged
// is there, as a whole, with who gave it.
func TestKill(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		k, _ := newDesk(t, d)
		r, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a"})
		check(t, err)
		last := 0
		for round := range 4 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
			cmd.Env = append(os.Environ(), childDSN+"="+dsn, childResponse+"="+r.ID)
			out, err := cmd.StdoutPipe()
			check(t, err)
			check(t, cmd.Start())
			lines := bufio.NewScanner(out)
			for least := last + 3 + round; lines.Scan(); {
				if _, err := fmt.Sscanf(lines.Text(), "saved %d", &last); err == nil && last >= least {
					break
				}
			}
			check(t, cmd.Process.Kill()) // in the middle of the next one
			for lines.Scan() {
				_, _ = fmt.Sscanf(lines.Text(), "saved %d", &last)
			}
			_ = cmd.Wait()
			kept, s, err := k.Response(t.Context(), house, r.ID)
			check(t, err)
			n, err := strconv.Atoi(said(t, s, "ct/rows"))
			check(t, err)
			if n < last || n > last+1 || said(t, s, "name") != fmt.Sprintf("room %d", n) {
				t.Fatalf("round %d: %d and %q are kept, %d was acknowledged", round, n, said(t, s, "name"), last)
			}
			done, err := k.History(t.Context(), house, r.ID)
			check(t, err)
			answered := 0
			for _, x := range done {
				if x.Path == "ct/rows" && x.By == "child" {
					answered++
				}
			}
			if answered != n || kept.Revision != done[len(done)-1].Revision {
				t.Fatalf("round %d: %d answers are in the history of %d", round, answered, n)
			}
			last = n
		}
	})
}
