// Package grade judges an explanation of exchanges by the truth, which is known where
// the network is the lab's.
//
// A [Scenario] is a network, a server, a client and a few exchanges, all drawn from a
// seed. [Run] plays it in a lab and writes down the [Facts]: what became of each
// packet, and what server and client did, when. [Truth] reckons from the facts what
// each exchange's time was for; [Explain] asks package cause, which is given the packets
// of one end and nothing else; [Score] lays the one over the other.
//
// The truth owes nothing to packages flow, exchange and cause: it reads the headers
// of packets, and knows from the programs themselves which bytes are whose.
//
// # What is true
//
// All instants are of one clock. d is the delay of the link on the way of which is
// spoken, without queue and rate. An exchange begins when its request was ready, which
// is when it was handed to linger, and ends when its last byte could be read in order
// by the client. Each instant of it has one cause, in this order:
//
//  1. Until its request was written on a connection: queue. But of the first exchange
//     of a connection, from when that began to be opened, whoever asked for it: dns
//     while the name was looked up; syn-retry from the first SYN until the one departed
//     that was answered; handshake until the SYN-ACK was there; tls until the client
//     could send.
//
//  2. The request, from when it was written until its last byte left the link's
//     queue: what it waited for, by the rules of 5, at the sender's time. Then
//     propagation, until it was at the server.
//
//  3. If an earlier answer of the same HTTP/1 connection had not yet arrived by then:
//     head-of-line, until it has. What of 4 and 5 lies before that is not told.
//
//  4. Until the server began to write the answer: server. Then propagation, for d.
//
//  5. The answer, from d after it was begun to be written until its last byte left the
//     link's queue, and d more. Each instant t is explained by what was so at t-d on
//     the server's side. Let f be the first byte of the stream that had not left the
//     link's queue by then, in a packet that arrived, and b the first such byte of this
//     answer.
//
//     - The program had not yet written b: stall.
//     - f is another exchange's: head-of-line, whatever f waits for.
//     - f has not been sent: see 6.
//     - f was sent, and what was sent was lost: from when it would have left the queue
//     until a copy of it that arrives leaves it: loss.
//     - f is in the queue, and the link is sending it: transfer; another packet:
//     queueing.
//
//     What of the answer's way remains, by jitter and where the lab was late, is
//     propagation.
//
//  6. f was written and has not been sent. Between two ACKs that arrive at the sender,
//     by what the sender knows:
//
//     - The window that the receiver offered leaves less than a full segment, and less
//     than what is written: receive-window. While the receiver holds the ACK that opens
//     it, from the arrival of the last segment that it acknowledges, and for at least
//     1 ms: client, while the client's program was in a pause that was over when the ACK
//     departed, else delayed-ack.
//     - Nagle's algorithm is on, less than a full segment is written, and an earlier
//     small one is not acknowledged: nagle. While the receiver holds the ACK that it
//     waits for, from the arrival of that segment until the ACK departs, and for
//     at least 1 ms: delayed-ack. But where f departs in a full segment, what it
//     waited for was not the ACK, but that the program wrote more: stall.
//     - Else the congestion window: congestion, if something of this direction of the
//     connection has been sent again before; else slow-start. While the
//     receiver holds the ACK upon which f is sent, from the arrival of the last
//     segment that it acknowledges until it departs, and for at least 1 ms:
//     delayed-ack.
//     - Less than 1 ms before f departs is the sender's own time, and counts with what
//     was before; but not if an ACK ends such a wait.
//
// A message is all frames HEADERS, CONTINUATION and DATA of its stream in HTTP/2, and
// with TLS the records around it. What belongs to no exchange, such as SETTINGS, counts
// as the exchange's that waits behind it.
//
// # What is graded
//
// Who explains packets cannot know when a request was ready. So what is true before
// an explained exchange begins is left out, and counted as such. From there to the end
// of the true exchange each nanosecond counts once, as what is true and what is said;
// where nothing is said, as unknown. What is said of the time after the end is wrong,
// too. An exchange that is not explained at all is unknown from its first packet on.
package grade
