/* What was typed, taken in every way that is asked for, as one deterministic automaton with costs (model/typed.py).
 *
 * Several ways may be open at a place, each behind the best of them by some cost; a place is the set of them, made when
 * search comes there. What a phrase costs in the end is what its cheapest way costs. Source: weighted determinisation,
 * Mohri 1997, "Finite-State Transducers in Language and Speech Processing", Computational Linguistics 23(2), section 3.
 *
 * Legend: V vocabulary size, A characters that a move admits.
 */
#ifndef MACHIM_TYPED_H
#define MACHIM_TYPED_H

#include <math.h>

#include "arcs.h"
#include "readings.h"

enum { BUCKETS = 256 };

/* A state, and how far it is behind the best of its place, nats. */
typedef struct {
    State state;
    double cost;
} Weighted;

/* The states of a place: first of them, and how many; next: the place after it in its bucket, or NO_PLACE. */
typedef struct {
    int32_t first, count, next;
} Name;

/* Characters of a place that lead to the same states: to those of the label before, and to a target. group, after: the
 * group of characters that was joined last, and the label that it led to from here; place: where they lead, once it is
 * known, and best: what that costs, nats. */
typedef struct {
    int32_t before, group, after, place;
    Weighted target;
    double best;
} Label;

/* states: of all places; label_of: (V,) of each character, 0 between places; joined: (V,) those that have one. */
typedef struct Automaton {
    Ways ways;
    Weighted *states;
    int32_t state_count, state_room;
    Name *names;
    int32_t name_count, name_room;
    int32_t buckets[BUCKETS];
    Label *labels;
    int32_t label_count, label_room;
    int32_t *label_of, *joined;
    int32_t joined_count, groups;
} Automaton;

/* Make the automaton of what was typed, with the name of its first place, or give NULL. */
Automaton *automaton_new(const Typed *typed);
void automaton_free(Automaton *automaton);

/* Make the arcs of a place that has a name; tell whether there was memory. */
int make_place(Automaton *automaton, int32_t number, Place *place);

/* Round a cost, nats, so that sums of the same costs in another order are the same: to six decimals. */
static inline double round_cost(double cost) { return rint(cost * 1e6) / 1e6 + 0.0; /* + 0.0: there is one zero */ }

#endif
