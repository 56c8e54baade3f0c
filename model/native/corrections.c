/* Corrections: beginnings that may have been meant, as a tree; see readings.h.
 *
 * What the cheapest of all costs is paid before the root; a move pays what the cheapest beyond it costs more.
 */
#include <math.h>

#include "memory.h"
#include "readings.h"

enum { NO_BRANCH = -1 };

static int32_t add_branch(Ways *ways, int32_t symbol) {
    Branch *added = APPEND(ways->branches, ways->branch_count, ways->branch_room, ways->failed);
    if (added == NULL) return NO_BRANCH;
    *added = (Branch){-INFINITY, -INFINITY, symbol, NO_BRANCH, NO_BRANCH, NO_BRANCH};
    return ways->branch_count - 1;
}

/* Give the child of a branch for a symbol: a new one comes after the others. */
static int32_t child_for(Ways *ways, int32_t number, int32_t symbol) {
    int32_t child = ways->branches[number].child;
    while (child != NO_BRANCH && ways->branches[child].symbol != symbol) child = ways->branches[child].sibling;
    if (child != NO_BRANCH) return child;
    child = add_branch(ways, symbol);
    if (child == NO_BRANCH) return child;
    Branch *branch = &ways->branches[number];
    if (branch->child == NO_BRANCH)
        branch->child = child;
    else
        ways->branches[branch->last].sibling = child;
    branch->last = child;
    return child;
}

double plant_corrections(Ways *ways) {
    const Typed *typed = &ways->typed;
    const int32_t *ids = typed->ids;
    int32_t number = add_branch(ways, NO_BRANCH);
    for (int32_t rank = 0; rank < typed->corrections; ids += typed->lengths[rank++]) {
        number = 0;
        for (int32_t at = 0; at < typed->lengths[rank] && !ways->failed; at++)
            number = child_for(ways, number, ids[at]);
        if (ways->failed) return -INFINITY;
        Branch *end = &ways->branches[number];
        if (typed->costs[rank] > end->ends) end->ends = typed->costs[rank];
    }
    for (number = ways->branch_count; number--;) { /* children have larger numbers */
        Branch *branch = &ways->branches[number];
        for (int32_t child = branch->child; child != NO_BRANCH; child = ways->branches[child].sibling) {
            const Branch *below = &ways->branches[child];
            double best = below->ends > below->beyond ? below->ends : below->beyond;
            if (best > branch->beyond) branch->beyond = best;
        }
    }
    return ways->failed ? -INFINITY : ways->branches[0].beyond;
}

void moves_of_branch(Ways *ways, State state) {
    int32_t part = part_of(state), number = position_of(state);
    /* With no reading beside the tree, nothing is paid before the root. */
    double paid = number == 0 && ways->typed.reading_count == 0 ? 0.0 : ways->branches[number].beyond;
    for (int32_t child = ways->branches[number].child; child != NO_BRANCH; child = ways->branches[child].sibling) {
        const Branch *branch = &ways->branches[child];
        const Move ways_on[] = {
            {&branch->symbol, 1, SLIP, 1, NO_CODE_POINT, DONE, branch->ends - paid},
            {&branch->symbol, 1, SLIP, 1, NO_CODE_POINT, state_of(part, child, 0, 0), branch->beyond - paid},
        };
        for (int32_t rank = 0; rank < 2; rank++) {
            if (!(ways_on[rank].cost > -INFINITY)) continue;
            Move *move = APPEND(ways->moves, ways->move_count, ways->move_room, ways->failed);
            if (move == NULL) return;
            *move = ways_on[rank];
        }
    }
}
