/* What may still come first in a best-first search, and what it costs to know more (model/frontier.py).
 *
 * Legend: V vocabulary size, C children of a node, A arcs of a place, K completions.
 */
#ifndef MACHIM_FRONTIER_H
#define MACHIM_FRONTIER_H

#include "arcs.h"
#include "finished.h"
#include "heap.h"
#include "phrases.h"

enum { NONE = -1, REST = -1 };

/* phrases: NULL for none; boundary: (V,) the characters before which a completion of running text ends, NULL for
 * phrases, which end by themselves; near: nats from the best child: those are candidates at once, the others if they
 * come to be among the best. */
typedef struct {
    const Phrases *phrases;
    Query *query;
    const uint8_t *boundary;
    Mixture mixture;
    Wanted wanted;
    double near;
} Options;

/* A beginning that was read. model: log of the network's part of P(beginning), nats; cost: log P(typed | beginning),
 * nats, as far as it is known; position: in the index, or UNSEEN; row: (V,) what the network says of what comes next,
 * nats; near: below it, children are not candidates yet, nats; worths: in the tree of the phrases seen that are worth
 * most, or NONE; free: all that was typed is matched; begun: for running text, something was added that can be seen, so
 * that a word may end; on_ahead: it is what was typed, as far as it goes. */
typedef struct {
    double model, cost, near;
    int64_t position;
    const float *row;
    int32_t parent, symbol, place, depth, worths;
    uint8_t free, begun, on_ahead;
} Node;

/* A beginning that may be read: its parent and one character more, or REST for those of its parent's children that were
 * not looked at one by one. */
typedef struct {
    double model, cost;
    int64_t position;
    int32_t parent, symbol, place;
} Candidate;

/* A node of the tree of the phrases seen that are worth most: what they come to by their counts, nats. */
typedef struct {
    double worth;
    int32_t symbol, child, sibling;
} Worth;

/* best_cut: the most that a beginning could come to that was too long to follow, nats; others_seen: the most that all
 * phrases seen come to which are not in the tree of worths, nats; shares, bounds, positions: room for those
 * of A or C; tops: of blocks of a row; marked: (V,) by which run of queue_children a symbol was, of `marks`. */
typedef struct {
    Options options;
    int32_t vocabulary;
    Finished finished;
    Node *nodes;
    int32_t node_count, node_room;
    Candidate *candidates;
    int32_t candidate_count, candidate_room;
    Heap heap;
    Worth *worths;
    int32_t worth_count, worth_room;
    int32_t *taken;
    int32_t taken_count, taken_room;
    int32_t *ids;
    int32_t id_count, id_room;
    double *shares, *bounds;
    int64_t *positions;
    float *tops;
    int32_t *marked, marks;
    double best_cut, others_seen;
    int failed;
} Search;

/* Find in the tree of the phrases seen that are worth most what goes on with a symbol; NONE where nothing does. */
static inline int32_t worth_below(const Search *search, int32_t worths, int32_t symbol) {
    int32_t child = worths == NONE ? NONE : search->worths[worths].child;
    while (child != NONE && search->worths[child].symbol != symbol) child = search->worths[child].sibling;
    return child;
}

/* Make candidates of what may follow a node that was just read, and keep it if it may end. */
void spread(Search *search, int32_t number);

/* Make candidates of what the query admits after a node, but for one symbol that is left out, or NONE. */
void spread_arcs(Search *search, int32_t number, int32_t left_out);

/* Make candidates of those children of a node that were too far below the best of them. */
void spread_rest(Search *search, int32_t number);

#endif
