package origin_test

import (
	"fmt"
	"io"
	"net/http"

	"github.com/lingerhttp/linger/origin"
)

// A page whose images end early, every one of them, while its document is well.
func Example() {
	faults, err := origin.ParseFaults("truncate=50,path=/img/*")
	if err != nil {
		fmt.Println(err)
		return
	}
	srv, err := origin.Start(origin.Config{Site: origin.Classic(), Faults: faults})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	for _, url := range srv.URLs()[:2] {
		resp, err := http.Get(url)
		if err != nil {
			fmt.Println(err)
			return
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Printf("%s, %d bytes: %v\n", resp.Status, n, err)
	}
	// Output:
	// 200 OK, 43008 bytes: <nil>
	// 200 OK, 50 bytes: unexpected EOF
}

// The errors name the words that are allowed.
func ExampleParseFaults() {
	_, err := origin.ParseFaults("close-after=never")
	fmt.Println(err)
	faults, err := origin.ParseFaults("max-conns=2,reset,think=0.05s")
	fmt.Println(faults.String(), err)
	// Output:
	// parse fault "close-after=never": needs a whole number from 1 up
	// think=50ms,max-conns=2,reset <nil>
}
