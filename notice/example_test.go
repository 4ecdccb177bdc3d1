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
	fmt.Println(catalogue.Printer("en").Say(notice.Words("status.disk.full", map[string]string{"n": "4"})))
	fmt.Println(notice.Usual("status.disk.full"))
	// Output:
	// The disk is nearly full: 4 % are left. When it is full, nothing more is received.
	// now
}
