/* What the index of phrases has after a position and a place admits, too.
 *
 * Legend: C children of a position, A arcs of a place.
 */
#ifndef MACHIM_ADMITTED_H
#define MACHIM_ADMITTED_H

#include "arcs.h"
#include "phrases.h"

enum { LOOK_UP = 16 }; /* children an arc from which on finding each arc among them beats going through all */

/* count: ranks to look at, A if each arc is found among the children (by_arc), else C. */
typedef struct {
    const Phrases *phrases;
    const Place *place;
    Children children;
    int by_arc;
    uint32_t count;
} Admitted;

static inline Admitted admitted_at(const Phrases *phrases, int64_t position, const Place *place) {
    Admitted admitted = {phrases, place, children_of(phrases, position), 0, 0};
    admitted.by_arc = (int64_t)place->count * LOOK_UP < (int64_t)admitted.children.count;
    admitted.count = admitted.by_arc ? (uint32_t)place->count : admitted.children.count;
    return admitted;
}

/* Give the arc of a rank and write its child; -1 where only one of the two is there. */
static inline int32_t admitted_arc(const Admitted *admitted, uint32_t rank, Child *child) {
    if (!admitted->by_arc) {
        *child = child_at(admitted->phrases, &admitted->children, rank);
        return arc_of(admitted->place, child->symbol);
    }
    *child = find_child(admitted->phrases, &admitted->children, admitted->place->ids[rank]);
    return child->position == UNSEEN ? -1 : (int32_t)rank;
}

#endif
