package notice_test

import (
	"fmt"

	"radagora/lang"
	"radagora/notice"
)

func Example() {
	catalogue, err := lang.Open()
	if err != nil {
		panic(err)
	}
	fmt.Println(catalogue.Printer("en").Say(notice.Words("status.backup.old", map[string]string{"n": "4"})))
	fmt.Println(notice.Usual("status.backup.old"))
	// Output:
	// The last good backup is 4 days old.
	// now
}
