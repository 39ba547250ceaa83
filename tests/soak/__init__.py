"""The soak: one served Motet under a steady load of people who come, edit, point and go, watched for an hour.

It is a test and no benchmark: its figures are of one server against itself, early and late, and it fails when memory
grows, when answers get later, when the file grows, or when a promise is broken. `python -m soak` (`make soak`) is the
hour, `test_soak.py` the same in seconds.

shape       how many people, rooms and edits, and the server's settings
document    what the people of a room know of its document, and the edits that they make in it
device      one person's client, of either dialect, over one socket after the other
tally       what the crowd counts, and the edits that are on their way
crowd       everybody: who edits, leaves, stalls and comes back, and when
samples     what is measured in each window, a JSON line each
waves       many who come at once and leave, again and again
run         the server, the crowd, the samples and the waves together
line        a line through points, by least squares
report      what the samples say, and what they must

The people hold no documents of their own: 500 would cost more than the server that is measured. Each room has one,
which holds what anybody in it wrote, and from which all answer the server's questions as real clients do.
"""
